"""Templates of the services' config files."""
