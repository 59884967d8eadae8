"""Scaling-law curves: laws, the batched fit, and the fitted results that later layers read."""
