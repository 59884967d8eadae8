"""The laws: parametric forms of a value against scale, one file each, and the table of them."""
