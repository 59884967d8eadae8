"""Fits of tasks that are kept between commands: what was fitted once, of the same runs, is fitted by none again.

A task's result depends on its own runs, its name, the options and the code (``fit_identity``), and on no other task.
So it is kept by a hash of these, and holds for every command, budget and file in which the task stands with the same
runs. Numbers are kept as they are, to the last bit: what a command writes does not depend on whether it found any.

See docs/decisions/171-fits-are-kept-by-task.md.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from budget.curves.fit_identity import feed, fit_identity
from budget.curves.kept_lanes import Compute, Leaves, kept_lanes
from budget.tables.kept_files import KeptFiles

WORTH = 0.001
"""CPU seconds that a task's result must have taken to be kept: several times what keeping and finding it take."""


@dataclass
class KeptFits:
    """Where fits are kept, and what was found there.

    Attributes:
        files: the folder.
        curves: posteriors of curves that were found.
        seconds: CPU seconds that all that was found took when it was computed.
    """

    files: KeptFiles
    curves: int = 0
    seconds: float = 0.0


_KEPT: ContextVar[KeptFits | None] = ContextVar("kept fits", default=None)


@contextmanager
def keeping_fits(kept: KeptFits) -> Iterator[KeptFits]:
    """Every fit inside the block, of this thread, is found or kept; at its end, whatever it is, they are written."""
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)
        kept.files.flush()


def fits_are_kept() -> bool:
    """Whether this is in such a block, and in no part of a fit that is kept as a whole, and of no shard."""
    return _KEPT.get() is not None and kept_lanes() is None


def kept_by_task(
    work: str,
    device: str,
    constants: Any,
    lanes: Sequence[np.ndarray],
    compute: Compute,
    owners: Sequence[str] | None = None,
) -> Leaves:
    """Results by task: those that are kept as they are, the others computed and kept.

    Args:
        work: what is computed; ``curves`` are counted.
        device: what it runs on (``batching.kind_of``).
        constants: whatever else decides the result, of all tasks alike (``fit_identity.feed``).
        lanes: all of a task that does, as arrays of one first axis.
        compute: from positions to their results, which depend on what stands there and on nothing else.
        owners: (L,) whose each lane is, where a task has several: these are kept together.

    Returns:
        Contiguous arrays, so that whoever reads them computes the same whether they were found or not.
    """
    kept, count = _KEPT.get(), len(lanes[0])
    if kept is None or not fits_are_kept() or count == 0:
        return [np.ascontiguousarray(leaf) for leaf in compute(np.arange(count))]
    groups = _groups(count, owners)
    keys = _keys((work, constants), device, lanes, groups)
    found = [_decoded(each, len(group)) for each, group in zip(kept.files.read(keys), groups, strict=True)]
    missed = [at for at, each in enumerate(found) if each is None]
    chosen = np.sort(np.concatenate([groups[at] for at in missed])) if missed else np.empty(0, dtype=int)
    new: Leaves | None = None
    if missed:
        began = time.process_time()
        token = _KEPT.set(None)  # parts of what is kept are not kept apart
        try:
            new = [np.ascontiguousarray(leaf) for leaf in compute(chosen)]
        finally:
            _KEPT.reset(token)
        seconds = (time.process_time() - began) / len(missed)
        if seconds >= WORTH:
            for at in missed:
                place = np.searchsorted(chosen, groups[at])
                kept.files.add(keys[at], _encoded(seconds, [leaf[place] for leaf in new]))
    like = new if new is not None else next(each for each in found if each is not None)[1]
    leaves = [np.empty((count, *leaf.shape[1:]), leaf.dtype) for leaf in like]
    for group, each in zip(groups, found, strict=True):
        if each is not None:
            kept.seconds += each[0]
            kept.curves += work == "curves"
            for leaf, of_it in zip(leaves, each[1], strict=True):
                leaf[group] = of_it
    if new is not None:
        for leaf, of_it in zip(leaves, new, strict=True):
            leaf[chosen] = of_it
    return leaves


def _groups(count: int, owners: Sequence[str] | None) -> list[np.ndarray]:
    """Positions of the lanes that are kept together."""
    if owners is None:
        return list(np.arange(count)[:, None])
    places: dict[str, list[int]] = {}
    for lane, owner in enumerate(owners):
        places.setdefault(owner, []).append(lane)
    return [np.array(each) for each in places.values()]


def _keys(constants: Any, device: str, lanes: Sequence[np.ndarray], groups: Sequence[np.ndarray]) -> list[bytes]:
    """The SHA-256 of all that decides each group's result."""
    common = sha256(fit_identity(device))
    feed(common, (constants, [(lane.shape[1:], lane.dtype.str) for lane in lanes]))
    rows = [np.ascontiguousarray(lane) for lane in lanes]
    keys = []
    for group in groups:
        digest = common.copy()
        for row in rows:
            digest.update(row[group].tobytes())
        keys.append(digest.digest())
    return keys


def _encoded(seconds: float, leaves: Leaves) -> bytes:
    """Results as a line that says what follows, and their bytes."""
    head = {"seconds": seconds, "leaves": [[leaf.dtype.str, leaf.shape] for leaf in leaves]}
    return b"".join([json.dumps(head).encode(), b"\n", *(leaf.tobytes() for leaf in leaves)])


def _decoded(content: bytes | None, lanes: int) -> tuple[float, Leaves] | None:
    """The seconds they took and the results; ``None`` where they are not what was asked for."""
    if content is None:
        return None
    head, _, data = content.partition(b"\n")
    try:
        said = json.loads(head)
        leaves, at = [], 0
        for kind, shape in said["leaves"]:
            dtype, size = np.dtype(kind), math.prod(shape)
            leaves.append(np.frombuffer(data, dtype, size, at).reshape(shape))
            at += size * dtype.itemsize
        whole = at == len(data) and all(len(leaf) == lanes for leaf in leaves)
        return (float(said["seconds"]), leaves) if whole else None
    except (ValueError, KeyError, TypeError):
        return None
