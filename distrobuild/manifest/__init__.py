"""The declared world: models, loader with line numbers, overrides, schema, explain."""
