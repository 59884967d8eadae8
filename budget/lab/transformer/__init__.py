"""The small transformers behind ``data/``."""
