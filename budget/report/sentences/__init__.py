"""What is said of each study. Sentences only."""
