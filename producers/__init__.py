"""Puts images in the store and rows in the source table, or records on a topic."""
