"""Runs out of the stores and exports of other tools, without those tools and without a server."""
