"""What a debugging session is made of: the walk, breakpoints, expressions, frames, paths."""
