"""Parts of the adapters for httpx and httpx2, one noun a file. Private: import from penstock.adapters.httpx(2)."""
