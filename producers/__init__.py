"""Puts rows in the source table, or records on the topic `cargo-ingest`, at a chosen rate and mix."""
