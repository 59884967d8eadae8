"""``budget join``, and what shards of a command leave for it."""
