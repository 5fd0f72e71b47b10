"""The command line behind `cli`: values from arguments, sources, and the commands."""
