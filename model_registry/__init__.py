"""Train, evaluate, export, register, compare, promote."""
