"""Which models to build and which task each serves: a choice among candidates, with a proven bound."""
