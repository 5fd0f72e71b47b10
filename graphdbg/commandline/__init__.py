"""The command line: arguments, values, exit codes, the prompt; each command is a few lines.

Import `main` from `cli`, and nothing else: this is where the house ends.
"""
