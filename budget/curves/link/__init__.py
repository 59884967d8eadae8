"""The link from a task's loss to its score."""
