"""The page that steps: one HTML file with the picture, the program and every number in it.

Import `html` and `frame` from `page`.

It puts together what `contents` gathers with the style and the scripts beside it; nothing is
fetched, and nothing runs but the page's own script.
"""
