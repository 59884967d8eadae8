"""Primal–dual interior points: many plans under any limits at once, and a plan under risk."""
