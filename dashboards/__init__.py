"""One .sql file per figure, and what shows them."""
