"""``curves.json``: written, sealed and read back."""
