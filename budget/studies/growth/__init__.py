"""What breadth costs: tasks that join a growing set at one budget."""
