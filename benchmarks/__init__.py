"""Side-by-side speed measurements against the plain libraries. `python -m benchmarks [NAME…]` runs them."""
