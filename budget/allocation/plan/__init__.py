"""The plan that is read: assembled once, explained, compared with simple splits."""
