"""Image sets on disk: synthesise, import, corrupt, list, check."""
