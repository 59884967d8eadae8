"""How a curve looks to a planner: a function of the log inputs that a plan chooses."""
