"""graphdbg: the debugger for computational graphs. The public names, loaded when first used."""
