"""The parts of the checker: differences, local rules, what is peculiar at a point, verdicts."""
