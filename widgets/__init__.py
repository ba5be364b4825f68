"""What the person sees. Asks, never computes."""
