"""Which task each training sequence of a shared model comes from. Loads no JAX."""

import numpy as np


def counts(total: int, shares: tuple[float, ...]) -> np.ndarray:
    """Sequences of each task, by largest remainder.

    Args:
        total: sequences in all.
        shares: of the tasks, positive, in any unit, shape (K,).

    Returns:
        Whole numbers with that sum, shape (K,).
    """
    exact = total * np.array(shares) / sum(shares)
    whole = np.floor(exact).astype(int)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


def interleaved(numbers: np.ndarray, seed: int) -> np.ndarray:
    """An order in which every stretch holds each task in nearly its share.

    The i-th of a task's n sequences comes at `(i + u) / n`, u uniform and one for each task.

    Args:
        numbers: sequences of each task, shape (K,).
        seed: of the offsets u.

    Returns:
        Task numbers, shape (sum of `numbers`,).
    """
    offsets = np.random.default_rng(seed).random(len(numbers))
    places = [(np.arange(number) + offset) / max(number, 1) for number, offset in zip(numbers, offsets, strict=True)]
    return np.repeat(np.arange(len(numbers)), numbers)[np.argsort(np.concatenate(places), kind="stable")]
