"""The process's settings: what is compiled once is found again, also where the cache's folder was copied to."""

import os
import shutil
import subprocess
import sys

import pytest

from budget.process_settings import available_cores

PROGRAM = """
from budget.process_settings import use_compilation_cache
use_compilation_cache()
import jax
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((3, 3)))
"""


def test_a_copied_compilation_cache_is_warm(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"

    def programs(cache):
        subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | {"XDG_CACHE_HOME": str(cache)}, check=True)
        return {path.name for path in (cache / "budget").iterdir() if path.name.endswith("-cache")}

    compiled = programs(first)
    assert compiled
    shutil.copytree(first, second)
    assert programs(second) == compiled


DEVICES = (
    "from budget.process_settings import use_all_cores; use_all_cores(); import jax; print(jax.local_device_count())"
)


@pytest.mark.parametrize("flags", ["", "--xla_force_host_platform_device_count=3"])
def test_every_core_is_a_device_unless_xlas_flag_says_how_many(flags):
    environment = os.environ | {"XLA_FLAGS": flags}
    done = subprocess.run([sys.executable, "-c", DEVICES], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == (3 if flags else len(available_cores()))


def test_commands_keep_matrix_products_to_one_thread():
    program = (
        "import os; from budget.commands import main; main(['laws'], standalone_mode=False); "
        "print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    )
    asked = {name: each for name, each in os.environ.items() if not name.endswith("_NUM_THREADS")}
    asked["MKL_NUM_THREADS"] = "3"
    done = subprocess.run([sys.executable, "-c", program], env=asked, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "1 3"
