"""Whether fits of shared models follow those of specialists, so that their program is compiled meanwhile.

See docs/decisions/175-the-next-program-meanwhile.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FOLLOW: ContextVar[bool] = ContextVar("shared models follow", default=False)


@contextmanager
def shared_models_follow(follow: bool = True) -> Iterator[None]:
    """Surfaces that are fitted inside the block, of this thread, are followed by those of shared models, or not."""
    token = _FOLLOW.set(follow)
    try:
        yield
    finally:
        _FOLLOW.reset(token)


def do_shared_models_follow() -> bool:
    """Whether this is in such a block."""
    return _FOLLOW.get()
