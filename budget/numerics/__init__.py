"""Small pure helpers that know no task and no law; NumPy and SciPy only."""
