"""The panes of the terminal app: each draws what it is handed and tells what was clicked.

Import `GraphPane` from `graph`, `SourcePane` from `source`, `Rows` from `panes`, `Timeline` from
`timeline`, `CommandLine` from `command`, `Keys` from `footer`.
"""
