"""The posterior of surfaces: rows, their likelihood, and what is drawn (``law surface``)."""
