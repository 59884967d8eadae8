"""Which runs to measure next."""
