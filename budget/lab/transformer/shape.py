"""The size of a model: its width, its layers, its experts, and what follows from them by counting. Loads no JAX."""

from dataclasses import dataclass

CONTEXT = 64
"""Input positions of every sequence; a sequence holds one token more, the last target."""

SYMBOLS = 96
"""Symbols a model reads and predicts; a task may use fewer."""

HEAD_WIDTH = 16
"""Largest width of one attention head."""

MOST_TASKS = 16
"""Tasks that one model can serve."""

ROWS = 8
"""Tokens that an expert multiplies at once; its last group is filled up with empty rows."""


@dataclass(frozen=True)
class Shape:
    """A decoder-only transformer's size.

    Attributes:
        width: length of the residual stream, `d`; the hidden layer of each block is `4 d` wide.
        layers: number of blocks, `L`.
        experts: hidden layers in each block, `E`; with more than one, a router sends each token to some of them.
        active: hidden layers that each token goes through, `k`.
    """

    width: int
    layers: int
    experts: int = 1
    active: int = 1

    @property
    def heads(self) -> int:
        """The fewest attention heads of at most `HEAD_WIDTH` that divide the width evenly."""
        return next(heads for heads in range(-(-self.width // HEAD_WIDTH), self.width + 1) if self.width % heads == 0)

    @property
    def router_parameters(self) -> int:
        """Trained numbers of the routers: `d E L`, none with one expert."""
        return self.width * self.experts * self.layers if self.experts > 1 else 0

    @property
    def body_parameters(self) -> int:
        """Trained numbers in the blocks: `(4 + 8 E) d² L` in attention and hidden layers, and the routers."""
        return (4 + 8 * self.experts) * self.width**2 * self.layers + self.router_parameters

    @property
    def parameters(self) -> int:
        """All trained numbers of a model of one task: blocks, `2 V d` in embedding and head, `L H T` distances."""
        return self.body_parameters + 2 * SYMBOLS * self.width + self.layers * self.heads * CONTEXT

    @property
    def active_parameters(self) -> int:
        """Trained numbers that one token meets: all but the hidden layers it is not sent to."""
        return self.parameters - 8 * (self.experts - self.active) * self.width**2 * self.layers

    def groups(self, tokens: int) -> int:
        """Groups of `ROWS` tokens that always hold `tokens` tokens sorted by expert: `⌊(k n + E (ROWS - 1)) / ROWS⌋`.

        Args:
            tokens: n, routed together.
        """
        return (self.active * tokens + self.experts * (ROWS - 1)) // ROWS

    def flops_per_token(self, batch: int = 1) -> float:
        """Training FLOPs of one input position: `3 (24 d² L + 4 T d L + 2 V d)` with one expert.

        Forward, in multiply-adds counted as two: the blocks' matrices `24 d² L`, attention scores and their
        weighted sums over all `T` positions `4 T d L` (the causal mask hides half of them, but they are
        computed), the head `2 V d`. Of the `24 d²` the hidden layer has `16 d²`; experts compute it for every row
        of their groups, empty ones included, and the router adds `2 d E`. The backward pass costs twice the
        forward one. Reading an embedding is no arithmetic. Not counted: normalisation, softmax, activation,
        sorting tokens by expert and the optimizer, together a few per cent.

        Args:
            batch: sequences routed together; with one expert it does not matter.
        """
        width, layers = self.width, self.layers
        hidden = 16.0 * width**2
        if self.experts > 1:
            tokens = batch * CONTEXT
            hidden = hidden * self.groups(tokens) * ROWS / tokens + 2 * width * self.experts
        return 3 * ((8 * width**2 + hidden + 4 * CONTEXT * width) * layers + 2 * SYMBOLS * width)
