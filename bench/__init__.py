"""Benchmarks: penstock beside other clients in the same run. See bench/README.md."""
