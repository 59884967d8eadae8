"""The settings that hold for a whole process, all of them: JAX's cache, devices and log, and the threads of libraries.

Importing the package changes none of these and no function of it does but on request: the commands call what is here
before JAX is used, and the trainer in the worker processes that it starts. So the settings of a program that uses the
package stay its own. (Double precision is no setting of the process: ``curves.fitting`` switches it on around a fit.)

See docs/decisions/166-searches-that-start-near-by.md.
"""

import gc
import logging
import os
from contextlib import suppress


def quiet_jax() -> None:
    """Keep JAX from saying on standard error which devices it did not find."""
    logging.getLogger("jax").setLevel(logging.ERROR)


def use_one_thread_for_matrices() -> None:
    """Keep NumPy's matrix products to one thread each, unless the environment says otherwise; before NumPy is imported.

    Matrices here are small, and a library's threads turn idly where other programs run: products of a task's particles
    took five times the processor's time on two busy cores.
    """
    for library in ("OPENBLAS", "MKL", "VECLIB"):
        os.environ.setdefault(f"{library}_{'MAXIMUM' if library == 'VECLIB' else 'NUM'}_THREADS", "1")


def collect_garbage_rarely() -> None:
    """Look for cycles of unreachable objects seldom: a command makes few, and a look takes long once JAX is loaded.

    JAX adds a look of its own to each; by Python's default there are some hundred of both while modules load alone.
    """
    gc.set_threshold(100_000, 20, 20)


def cache_folder() -> str:
    """Where the commands keep what makes the next one faster: compiled programs, and below it fits."""
    import platformdirs

    return platformdirs.user_cache_dir("budget", appauthor=False)


def use_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, where it can be written: the second command starts warm."""
    import jax

    from budget.tables.files.write_files import can_write

    folder = cache_folder()
    if not can_write(folder):
        return
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    # XLA's own caches beside it make the folder's path part of every key: a copied or mounted folder would be cold
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")


def use_all_cores() -> None:
    """Show every core to JAX as a device of its own: lanes are split over devices and never wait for each other.

    Nothing is changed where JAX has started already or XLA's own flag says how many devices there are.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    with suppress(RuntimeError):  # JAX has started: its devices are what they are
        jax.config.update("jax_num_cpu_devices", len(available_cores()) or os.cpu_count() or 1)


def prepare_to_fit() -> None:
    """What a program that does nothing else wants before its first fit: programs kept, and every core at work."""
    use_compilation_cache()
    use_all_cores()


def use_one_thread(core: int | None) -> None:
    """Keep this process to one thread of XLA, on one core where it is given; before JAX is imported.

    Args:
        core: the core's number, one of ``available_cores``.
    """
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {one_thread}".strip()
    if core is not None:
        os.sched_setaffinity(0, {core})


def available_cores() -> list[int]:
    """The cores that this process may use, by their numbers; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
