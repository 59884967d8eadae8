"""Which tasks help or harm each other, and which to train together."""
