"""The size of a model: its width, its layers, and what follows from them by counting. Loads no JAX."""

from dataclasses import dataclass

CONTEXT = 64
"""Input positions of every sequence; a sequence holds one token more, the last target."""

SYMBOLS = 96
"""Symbols a model reads and predicts; a task may use fewer."""

HEAD_WIDTH = 16
"""Largest width of one attention head."""


@dataclass(frozen=True)
class Shape:
    """A decoder-only transformer's size.

    Attributes:
        width: length of the residual stream, `d`; the hidden layer of each block is `4 d` wide.
        layers: number of blocks, `L`.
    """

    width: int
    layers: int

    @property
    def heads(self) -> int:
        """The fewest attention heads of at most `HEAD_WIDTH` that divide the width evenly."""
        return next(heads for heads in range(-(-self.width // HEAD_WIDTH), self.width + 1) if self.width % heads == 0)

    @property
    def body_parameters(self) -> int:
        """Trained numbers in the blocks: `12 d² L` (queries, keys, values, output: `4 d²`; hidden layer: `8 d²`)."""
        return 12 * self.width**2 * self.layers

    @property
    def parameters(self) -> int:
        """All trained numbers: the blocks, `2 V d` in embedding and untied head, `L H T` attention distances."""
        return self.body_parameters + 2 * SYMBOLS * self.width + self.layers * self.heads * CONTEXT

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs of one input position: `3 (24 d² L + 4 T d L + 2 V d)`.

        Forward, in multiply-adds counted as two: the blocks' matrices `24 d² L`, attention scores and their
        weighted sums over all `T` positions `4 T d L` (the causal mask hides half of them, but they are
        computed), the head `2 V d`. The backward pass costs twice the forward one. Reading an embedding is no
        arithmetic. Not counted: normalisation, softmax, activation and the optimizer, together a few per
        cent.
        """
        width, layers = self.width, self.layers
        forward = 24 * width**2 * layers + 4 * CONTEXT * width * layers + 2 * SYMBOLS * width
        return 3 * forward
