"""Random numbers that belong to names: each depends on (name, seed, draw, which) and on nothing else.

A part of a table drawn elsewhere, or the whole of it in another order, has the same numbers. A name's numbers are the
sequence of SplitMix64 (Steele, Lea & Flood 2014) from a place that a hash of the name and the seed decides: any of them
is computed at once, without those before it, for all names together.

See docs/decisions/016-random-numbers-belong-to-names.md.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

STREAMS = 8
"""Numbers that one draw of a name can have."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIXERS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
    (np.uint64(31), np.uint64(1)),
)
"""Shift and factor of each step by which SplitMix64 scrambles a counter."""


def keys(names: Iterable[str | bytes]) -> np.ndarray:
    """A hash of each name, (K,) unsigned: the same on every machine and in every process.

    >>> keys(["run 7"])
    array([16569677358042900133], dtype=uint64)
    """
    encoded = (name.encode() if isinstance(name, str) else name for name in names)
    return np.array([int.from_bytes(blake2b(name, digest_size=8).digest(), "little") for name in encoded], np.uint64)


def uniforms(key: np.ndarray, seed: int, first: int, last: int, count: int) -> np.ndarray:
    """Uniform numbers, strictly between 0 and 1.

    Args:
        key: (K,) of the names, see ``keys``.
        seed: any whole number.
        first: the first draw.
        last: the draw after the last one.
        count: numbers of each draw, at most ``STREAMS``.

    Returns:
        (count, last − first, K).
    """
    start = _mixed(key ^ keys([f"seed {seed}"]))
    draw = np.arange(first, last, dtype=np.uint64) * np.uint64(STREAMS)
    place = draw[None, :] + np.arange(1, count + 1, dtype=np.uint64)[:, None]
    bits = _mixed(start + (place * GOLDEN)[:, :, None])
    return ((bits >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52


def many_uniforms(key: np.ndarray, seed: int, draws: int, count: int) -> np.ndarray:
    """Uniform numbers (count, draws, K) of names, however many a draw has: those of several streams together."""
    parts = [uniforms(key ^ keys([f"drift {part}"]), seed, 0, draws, STREAMS) for part in range(-(-count // STREAMS))]
    return np.concatenate(parts)[:count]


def _mixed(bits: np.ndarray) -> np.ndarray:
    for shift, factor in MIXERS:
        bits = (bits ^ (bits >> shift)) * factor
    return bits
