"""Commands for who begins or builds on the others: completion in a shell."""
