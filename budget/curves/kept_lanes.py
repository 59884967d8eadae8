"""Lanes that are computed once and then taken from what was kept: how a fit is shared among machines.

A lane's result depends on what goes into it and on nothing else (``batching``). So a shard of a fit computes the lanes
of its own tasks and keeps them by a hash of what went in; the fit that joins the shards runs once more as ever, and
finds its lanes. Whatever a shard could not know, such as a lane that hangs on the other shards' tasks, is missed and
computed: the result is always that of one process.

See docs/decisions/156-shards-keep-lanes.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from budget.curves.fit_identity import feed
from budget.tables.shards import Shard

DIGEST = 16
"""Bytes of a lane's hash: of 1e12 lanes two are the same with a probability of 1e-15."""

Leaves = list[np.ndarray]
"""The arrays of a result, the lanes as first axis."""

Compute = Callable[[np.ndarray], Leaves]
"""From the positions of some lanes to their results."""


@dataclass
class KeptLanes:
    """Results by what went in.

    Attributes:
        shard: whose lanes are computed; ``None`` where all that is not kept is.
        results: of each program, the lanes' hashes and their results, in parts.
        computed: lanes that were computed though they were looked for.
    """

    shard: Shard | None = None
    results: dict[str, list[tuple[np.ndarray, Leaves]]] = field(default_factory=dict)
    computed: int = 0
    _places: dict[str, dict[bytes, tuple[int, int]]] = field(default_factory=dict)

    def run(self, program: str, lanes: Sequence[np.ndarray], owners: Sequence[str] | None, compute: Compute) -> Leaves:
        """The results of all lanes; of a shard, those of others' lanes are copies of one of its own.

        Args:
            program: what is computed, its constants included.
            lanes: arrays of one first axis.
            owners: (L,) the name that each lane belongs to; a shard computes all lanes that belong to nobody.
            compute: see ``Compute``.
        """
        digests = _digests(lanes)
        if self.shard is None:
            return self._found(program, digests, compute)
        if owners is None:
            mine = np.ones(len(digests), dtype=bool)
        else:
            of_name = {name: self.shard.holds(name) for name in set(owners)}
            mine = np.array([of_name[name] for name in owners])
        chosen = np.flatnonzero(mine) if mine.any() else np.zeros(1, dtype=int)
        leaves = compute(chosen)
        if owners is None:  # every shard has these: one of them keeps each
            kept = [int.from_bytes(digest[:8].tobytes(), "little") % self.shard.of for digest in digests]
            keep = np.array(kept) == self.shard.index
        else:
            keep = mine
        if keep.any():
            place = np.searchsorted(chosen, np.flatnonzero(keep))
            self.results.setdefault(program, []).append((digests[keep], [leaf[place] for leaf in leaves]))
        copied = np.zeros(len(digests), dtype=int)
        copied[chosen] = np.arange(len(chosen))
        return [leaf[copied] for leaf in leaves]

    def _found(self, program: str, digests: np.ndarray, compute: Compute) -> Leaves:
        places = self._places.get(program)
        if places is None:
            places = self._places[program] = {
                digest.tobytes(): (part, at)
                for part, (known, _) in enumerate(self.results.get(program, ()))
                for at, digest in enumerate(known)
            }
        found = [places.get(digest.tobytes()) for digest in digests]
        missed = np.array([at for at, place in enumerate(found) if place is None], dtype=int)
        new = compute(missed) if len(missed) else None
        self.computed += len(missed)
        like = new if new is not None else self.results[program][0][1]
        leaves = [np.empty((len(digests), *leaf.shape[1:]), leaf.dtype) for leaf in like]
        by_part: dict[int, list[tuple[int, int]]] = {}
        for lane, place in enumerate(found):
            if place is not None:
                by_part.setdefault(place[0], []).append((lane, place[1]))
        for part, pairs in by_part.items():
            lane, at = np.array(pairs).T
            for leaf, kept in zip(leaves, self.results[program][part][1], strict=True):
                leaf[lane] = kept[at]
        if new is not None:
            for leaf, each in zip(leaves, new, strict=True):
                leaf[missed] = each
        return leaves

    def arrays(self) -> dict[str, np.ndarray]:
        """All that is kept, to be written to a file."""
        named = {}
        for program, parts in self.results.items():
            named[f"{program}/lanes"] = np.concatenate([digests for digests, _ in parts])
            for leaf, pieces in enumerate(zip(*(leaves for _, leaves in parts), strict=True)):
                named[f"{program}/{leaf}"] = np.concatenate(pieces)
        return named

    def add(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep what a file holds."""
        for name in arrays:
            program, _, which = name.rpartition("/")
            if which == "lanes":
                count = sum(other.rpartition("/")[0] == program for other in arrays) - 1
                leaves = [arrays[f"{program}/{leaf}"] for leaf in range(count)]
                self.results.setdefault(program, []).append((arrays[name], leaves))


_KEPT: ContextVar[KeptLanes | None] = ContextVar("kept lanes", default=None)


@contextmanager
def keeping_lanes(kept: KeptLanes) -> Iterator[KeptLanes]:
    """Every fit inside the block, of this thread, keeps its lanes or finds them."""
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def kept_lanes() -> KeptLanes | None:
    """What the block that this is in keeps; ``None`` outside of one."""
    return _KEPT.get()


def program_name(
    function: Callable[..., Any],
    static: Sequence[Any],
    lanes: Sequence[np.ndarray],
    common: Sequence[Any],
    width: int,
) -> str:
    """What a program computes: the function, its constants, a lane's shapes and how many it takes at once, hashed."""
    digest = blake2b(digest_size=DIGEST)
    shapes = [(lane.shape[1:], lane.dtype.str) for lane in lanes]
    feed(digest, (function, tuple(static), shapes, tuple(common), width))
    return f"{function.__name__.strip('_')}-{digest.hexdigest()}"


def _digests(lanes: Sequence[np.ndarray]) -> np.ndarray:
    """(L, DIGEST) hashes of the lanes."""
    count = len(lanes[0])
    columns = [np.ascontiguousarray(lane).reshape(count, -1) for lane in lanes]
    rows = np.concatenate([column.view(np.uint8).reshape(count, -1) for column in columns], axis=1)
    joined = b"".join(blake2b(row.data, digest_size=DIGEST).digest() for row in rows)
    return np.frombuffer(joined, np.uint8).reshape(count, DIGEST)
