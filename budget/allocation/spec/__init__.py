"""What is asked of a plan, before any program is solved."""
