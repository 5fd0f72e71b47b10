"""The parts of the compiler: strategies for scalar, large and array graphs."""
