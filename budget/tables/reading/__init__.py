"""Anybody's table: its format and dialect told by its content, its columns' meaning by their names, its rows judged."""
