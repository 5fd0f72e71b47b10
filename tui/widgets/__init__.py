"""The panes of the terminal app: each draws what it is handed and tells what was clicked."""
