"""The shared vocabulary of cargostream's rooms: settings, records, errors, images and the served model."""

__version__ = "0.1.0"
