"""Allocation: a fixed budget split over tasks by a convex program, with a proven bound."""
