"""Train, evaluate, export, register."""
