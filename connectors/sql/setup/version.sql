SELECT digest FROM schema_version
