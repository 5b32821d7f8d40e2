"""Everything that starts services."""
