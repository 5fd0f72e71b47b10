"""Exact algebra on index notation: terms, their normal form, and graphs in and out of it."""
