"""The place of the terminal app (built with Textual), installed as the package `graphdbg_tui`.

Nothing stands here yet. The app will be one more face of the headless debugger session: it will
import the public `graphdbg` and nothing private, and hold no debugger state of its own.
"""
