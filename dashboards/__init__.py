"""What is shown of a running pipeline: one `.sql` file a figure, and a live view in the terminal."""
