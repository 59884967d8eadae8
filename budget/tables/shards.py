"""Parts of a work by names: every name belongs to one part of N, on every machine and in every process.

See docs/decisions/156-shards-keep-lanes.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``of`` parts, counted from 0, as schedulers count theirs.

    >>> [name for name in ("code", "prose", "maths") if Shard(2, 3).holds(name)]
    ['code', 'maths']
    """

    index: int
    of: int

    def holds(self, name: str) -> bool:
        """Whether a name belongs to this part: the remainder of its hash (BLAKE2b) says to which."""
        return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little") % self.of == self.index

    def held(self, names: Iterable[str]) -> list[bool]:
        """Which names belong to this part."""
        return [self.holds(name) for name in names]

    def __str__(self) -> str:
        """As an option says it."""
        return f"{self.index}/{self.of}"
