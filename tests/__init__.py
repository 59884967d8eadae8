"""The tests, one folder for each of the package's; ``oracles`` holds solutions that the package did not compute."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

# Before a test imports NumPy: a second thread only waits in small products, at the expense of the other tests' process.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
