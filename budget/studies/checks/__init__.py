"""Checks of breadth: no free lunch, and which breadth survives selection."""
