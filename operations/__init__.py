"""What an operator asks of, and does to, a running pipeline."""
