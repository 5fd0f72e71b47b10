"""The page that steps: one HTML file with the picture, the program and every number in it.

`contents` gathers what the page knows, `page` puts it together with the style and the scripts
beside it. Nothing is fetched, and nothing runs but the page's own script.
"""
