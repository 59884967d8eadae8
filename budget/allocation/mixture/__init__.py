"""The size and the mixture of one model for several tasks, with a proven bound."""
