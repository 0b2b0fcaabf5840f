"""Transports for other clients. Each module imports its client; nothing here is imported by penstock itself."""
