"""Publishing: pictures, pages and texts written to files, and what notebooks show.

Import `render`, `to_dot`, `to_html`, `to_text` from `exports`, what a notebook shows from
`notebooks`.
"""
