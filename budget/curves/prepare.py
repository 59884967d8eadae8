"""JAX as the command line wants it: compiled programs kept for the next command, and every core at work.

A library user's settings stay untouched: only commands call this, before JAX is used.
"""

import os
from contextlib import suppress

import platformdirs

from budget.tables.files.writing import can_write


def use_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, where it can be written: the second command starts warm."""
    import jax

    folder = platformdirs.user_cache_dir("budget", appauthor=False)
    if not can_write(folder):
        return
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def use_all_cores() -> None:
    """Show every core to JAX as a device of its own: lanes are split over devices and never wait for each other.

    Nothing is changed where JAX has started already or XLA's own flag says how many devices there are.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(RuntimeError):  # JAX has started: its devices are what they are
        jax.config.update("jax_num_cpu_devices", cores)
