"""One run: the cell of a plan it fills, and the rows it becomes. Loads JAX only to train."""

import hashlib
import time
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from budget.lab.runner.ledger import Row
from budget.lab.synthetic_tasks.sources import Source
from budget.lab.synthetic_tasks.task_table import TASKS
from budget.lab.transformer import recipe, sequence_mixture
from budget.lab.transformer.recipe import Stage
from budget.lab.transformer.score import Score
from budget.lab.transformer.shape import CONTEXT, MOST_TASKS, Shape

METRIC = "nats_per_token"

STRATEGIES = ("specialist", "generalist", "trunk", "moe")
"""How a run serves its tasks: a model for one task; one for several; one that then branches into a model for each; one
for several whose tokens are routed to experts."""

COLUMNS = (
    "task", "run", "params", "active_params", "tokens", "task_tokens", "unique_tokens", "flops", "shared_flops",
    "value", "stderr", "metric", "strategy", "n_tasks", "model_tasks", "mixture", "seed", "seconds", "width", "layers",
    "experts", "active", "batch",
)  # fmt: skip
"""Columns of a file of measured runs, in order."""


@dataclass(frozen=True)
class Cell:
    """What a plan asks for: the training of one model, or of one trunk and its branches.

    Attributes:
        tasks: names in `tasks.TASKS`, K of them.
        shape: the model's size.
        tokens: input positions to train on, all tasks and branches together, before rounding to whole batches.
        seed: of the starting weights and the training sequences.
        strategy: one of `STRATEGIES`.
        mixture: share of each task in the training data, shape (K,), in any unit; empty for equal shares.
        unique_tokens: distinct tokens that each task has, repeated when they are used up; None for no limit.
        trunk_share: share of the tokens that a trunk is trained on before it branches; 0 for other strategies.
    """

    tasks: tuple[str, ...]
    shape: Shape
    tokens: int
    seed: int
    strategy: str = "specialist"
    mixture: tuple[float, ...] = ()
    unique_tokens: int | None = None
    trunk_share: float = 0.0

    @property
    def run(self) -> str:
        """The run's name, such as `lookup_easy-d16-L1-1.28e5-s0` or `generalist4-9c1f-d16-L1-1.28e5-s0`.

        Several tasks and their mixture are shortened to their number and four digits of a digest.
        """
        parts = [self.tasks[0]]
        if self.strategy != "specialist":
            named = hashlib.sha256(repr((self.tasks, self.mixture)).encode()).hexdigest()[:4]
            parts = [f"{self.strategy}{len(self.tasks)}", named]
        parts += [f"d{self.shape.width}", f"L{self.shape.layers}"]
        if self.shape.experts > 1:
            parts.append(f"e{self.shape.experts}.{self.shape.active}")
        if self.trunk_share:
            parts.append(f"t{self.trunk_share:g}")
        if self.unique_tokens is not None:
            parts.append(f"u{_short(self.unique_tokens)}")
        return "-".join([*parts, _short(self.tokens), f"s{self.seed}"])

    @property
    def base(self) -> Stage:
        """The training of the one model, or of the trunk."""
        if self.strategy == "trunk":
            return recipe.stage(max(1, round(self.trunk_share * self.tokens)), decay=recipe.TRUNK_DECAY)
        return recipe.stage(self.tokens)

    @property
    def branch(self) -> Stage | None:
        """The training of each branch after the trunk; None for other strategies."""
        if self.strategy != "trunk":
            return None
        each = round((1 - self.trunk_share) * self.tokens / len(self.tasks))
        return recipe.stage(max(1, each), self.base.tokens, recipe.BRANCH_DECAY)

    @property
    def base_sequences(self) -> np.ndarray:
        """Sequences of each task in the base's training, shape (K,)."""
        return sequence_mixture.counts(self.base.sequences, self.mixture or (1.0,) * len(self.tasks))

    @property
    def branch_sequences(self) -> int:
        """Sequences of its task in each branch's training."""
        return self.branch.sequences if self.branch else 0

    @property
    def trained_tokens(self) -> int:
        """Input positions that are really processed, all branches together."""
        return (self.base.sequences + len(self.tasks) * self.branch_sequences) * CONTEXT

    @property
    def flops(self) -> float:
        """Training FLOPs of the whole run, the base counted once; known before the run."""
        branches = len(self.tasks) * self.branch.flops(self.shape) if self.branch else 0.0
        return self.base.flops(self.shape) + branches

    @property
    def task_parameters(self) -> int:
        """Trained numbers of the task tokens: `K d`, none in a specialist."""
        return 0 if self.strategy == "specialist" else len(self.tasks) * self.shape.width

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Where each task's sequences come from."""
        return tuple(TASKS[task].source for task in self.tasks)


def _short(number: int) -> str:
    """A whole number in the shortest exact form, such as `1.28e5`."""
    digits, _, power = f"{Decimal(number).normalize():e}".partition("e")
    return f"{digits}e{int(power)}"


@dataclass(frozen=True)
class Run:
    """A trained cell.

    Attributes:
        cell: what was trained.
        scores: held-out loss of each task, nats per scored token; not finite where the run diverged.
        seconds: wall time of data, training and scoring, any compilation included.
    """

    cell: Cell
    scores: tuple[Score, ...]
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether the loss of some task is not finite."""
        return not all(np.isfinite(score.value) and np.isfinite(score.stderr) for score in self.scores)

    @property
    def rows(self) -> list[Row]:
        """The rows of the file of measured runs, one a task, by `COLUMNS`."""
        cell, several = self.cell, self.cell.strategy != "specialist"
        shape, extra = cell.shape, cell.task_parameters
        return [
            {
                "task": task,
                "run": cell.run,
                "params": shape.parameters + extra,
                "active_params": shape.active_parameters + extra,
                "tokens": cell.trained_tokens,
                "task_tokens": (int(base) + cell.branch_sequences) * CONTEXT,
                "unique_tokens": "" if cell.unique_tokens is None else cell.unique_tokens,
                "flops": cell.flops,
                "shared_flops": cell.base.flops(shape) if several else 0.0,
                "value": score.value,
                "stderr": score.stderr,
                "metric": METRIC,
                "strategy": cell.strategy,
                "n_tasks": len(cell.tasks),
                "model_tasks": "|".join(cell.tasks),
                "mixture": "|".join(f"{share:g}" for share in cell.mixture),
                "seed": cell.seed,
                "seconds": round(self.seconds, 2),
                "width": shape.width,
                "layers": shape.layers,
                "experts": shape.experts,
                "active": shape.active,
                "batch": cell.base.batch,
            }
            for task, score, base in zip(cell.tasks, self.scores, cell.base_sequences, strict=True)
        ]


def training_sequences(cell: Cell) -> list[np.ndarray]:
    """Each task's sequences in the order they are trained on: those of the base, then those of its branch.

    Scarce data are repeated in a new random order each time.

    Args:
        cell: what to train.

    Returns:
        For each task uint8, shape (sequences, CONTEXT + 1).
    """
    needed = cell.base_sequences + cell.branch_sequences
    if cell.unique_tokens is None:
        return [source.training(count, cell.seed) for source, count in zip(cell.sources, needed, strict=True)]
    random = np.random.default_rng(cell.seed)
    unique = max(1, cell.unique_tokens // CONTEXT)
    repeated = []
    for source, count in zip(cell.sources, needed, strict=True):
        own = source.training(unique, cell.seed)
        passes = [random.permutation(len(own)) for _ in range(-(-count // len(own)))]
        repeated.append(own[np.concatenate([*passes, np.zeros(0, int)])[:count]])
    return repeated


def measure_cell(cell: Cell) -> Run:
    """Train and score what a cell asks for.

    Args:
        cell: what to train.

    Returns:
        The run; a score is not finite if it diverged.
    """
    from budget.lab.transformer import train  # loads JAX
    from budget.lab.transformer.model import start_weights

    begin = time.perf_counter()
    several = cell.strategy != "specialist"
    scored = np.zeros((MOST_TASKS, CONTEXT), np.float32)
    scored[: len(cell.tasks)] = [source.scored for source in cell.sources]
    data, counts = training_sequences(cell), cell.base_sequences
    tasks = sequence_mixture.interleaved(counts, cell.seed)
    sequences = np.empty((len(tasks), CONTEXT + 1), np.uint8)
    for number, (own, count) in enumerate(zip(data, counts, strict=True)):
        sequences[tasks == number] = own[:count]
    start = start_weights(cell.shape, cell.seed, several)
    weights, _ = train.train(start, cell.shape, cell.base, sequences, tasks, scored)
    scores = []
    for number, (source, own, count) in enumerate(zip(cell.sources, data, counts, strict=True)):
        served = weights
        if cell.branch:
            alone = np.full(cell.branch_sequences, number)
            served, _ = train.train(weights, cell.shape, cell.branch, own[count:], alone, scored)
        scores.append(train.score(served, cell.shape, source, number))
    return Run(cell, tuple(scores), time.perf_counter() - begin)
