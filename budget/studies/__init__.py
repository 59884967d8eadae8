"""Studies: questions that need more than one plan."""
