"""The classes of the first table. A served model carries its own labels; this list is for those who draw and train."""

CARGO_LABELS = ("background", "brick", "concrete", "ground", "wood")
"""Class names of the ground under cargo; the position in the tuple is the class id."""
