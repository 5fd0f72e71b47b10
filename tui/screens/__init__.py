"""Screens that stand before the main one: the help."""
