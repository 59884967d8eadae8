"""Draws that hold beyond the runs: posteriors over curves in which the law's own error is contained."""
