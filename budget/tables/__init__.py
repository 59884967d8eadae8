"""What comes in: runs, tasks and points, read from files and refused by row where they are wrong."""
