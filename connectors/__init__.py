"""What ties the databases and the topics together: schema, topics, connectors."""
