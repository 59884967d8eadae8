"""Whether a file and its runs can be trusted, before any fit."""
