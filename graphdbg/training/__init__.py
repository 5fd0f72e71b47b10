"""Training: update rules, one step as one graph, runs, and what goes wrong in them."""
