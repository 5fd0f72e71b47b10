"""The terminal app, built with Textual and installed as the package `graphdbg_tui`.

One more face of the headless session: it imports the public `graphdbg`, holds what is selected,
folded and scrolled, and no state of the debugger.

Import `Debugger` and `run` from `app`, the app in a browser from `serve`.
"""
