"""Plans over the joint draws, and the best plan of each draw."""
