"""Parts of penstock.adapters.aiohttp."""
