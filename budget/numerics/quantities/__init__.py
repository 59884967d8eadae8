"""Amounts as people give them, and what devices can do."""
