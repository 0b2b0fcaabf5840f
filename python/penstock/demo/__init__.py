"""`python -m penstock.demo`: the unmodified openai package over penstock, against a scripted provider with TLS."""
