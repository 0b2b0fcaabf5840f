"""Where records are written."""
