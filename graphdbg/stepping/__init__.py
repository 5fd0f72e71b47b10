"""Stepping: the headless debugger; prompt, terminal app, page and notebook are faces of it.

Import `Session`, `Frame` and `Stop` from `session`, the line of events from `walk`, what a frame
shows from `frames` and `narration`, the numbers at one point from `scope`, where a target lies from
`breakpoints`; a face takes `Interpreter` from `interpreter`, the table of commands from `commands`,
answers from `replies`, and `Reach`, which files commands touch (`anywhere`, `nowhere`, `below` a
folder), from `reach`.
"""
