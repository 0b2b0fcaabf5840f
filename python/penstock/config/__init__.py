"""Settings as values with units (models); reading and checking them from LiteLLM's config.yaml (load, watch)."""
