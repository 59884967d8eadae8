"""Who shares a model under every objective, limit and risk."""
