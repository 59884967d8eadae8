"""A program run on one device here, or by itself on several: how many JAX shows is settled before it starts."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from typing import Any

from tests import ROOT


def printed_here(program: str) -> Any:
    """The JSON that a program prints in this process, which has one device (``tests/conftest.py``)."""
    with redirect_stdout(io.StringIO()) as printed:
        exec(program, {})
    return json.loads(printed.getvalue())


def printed_on(devices: int, program: str) -> Any:
    """The JSON that a program prints where JAX shows so many devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
