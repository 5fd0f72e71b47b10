"""Screens that stand before the main one.

Import `Help`, the keys and commands, from `help`, `Curves` of a training run from `curves`.
"""
