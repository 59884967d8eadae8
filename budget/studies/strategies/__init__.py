"""Every strategy's curves, and plans by each of them, judged in every draw."""
