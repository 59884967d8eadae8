"""Anybody's trainer, run over a plan of runs: commands, claims, the ledger of finished rows."""
