"""The measuring side: seeded sequence tasks, small transformers, and the sweep that trains a plan of them."""
