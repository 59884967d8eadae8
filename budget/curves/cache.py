"""JAX's persistent compilation cache in the user's cache folder, so that the second command starts warm."""

import platformdirs

from budget.tables.files import can_write


def use_compilation_cache() -> None:
    """Turn the cache on for this process, where its folder can be written.

    The command line calls it; a library user's settings stay untouched.
    """
    import jax

    folder = platformdirs.user_cache_dir("budget", appauthor=False)
    if not can_write(folder):
        return
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
