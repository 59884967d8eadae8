"""The process's settings: what is compiled once is found again, also where the cache's folder was copied to."""

import os
import shutil
import subprocess
import sys

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
