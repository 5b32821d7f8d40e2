"""The tale of Monday and Tuesday: what is read from the tables, what is expected of it, and the report."""
