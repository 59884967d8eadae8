"""JAX's persistent compilation cache in the user's cache folder, so that the second command starts warm."""

import platformdirs


def use_compilation_cache() -> None:
    """Turn the cache on for this process. The command line calls it; a library user's settings stay untouched."""
    import jax

    jax.config.update("jax_compilation_cache_dir", platformdirs.user_cache_dir("budget", appauthor=False))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
