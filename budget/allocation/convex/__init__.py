"""The convex problem: stated, solved by the program and by its dual, proven."""
