"""The tasks behind ``data/``, each a source of sequences."""
