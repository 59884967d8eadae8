"""The tests, one folder for each of the package's; ``oracles`` holds solutions that the package did not compute."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""
