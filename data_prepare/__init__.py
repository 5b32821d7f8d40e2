"""Image sets on disk: synthesise, list, check."""
