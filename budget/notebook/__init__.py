"""The door for notebooks and scripts: one call from a table to a plan, which shows itself.

See docs/decisions/147-a-notebook-asks-as-the-command-does.md.
"""
