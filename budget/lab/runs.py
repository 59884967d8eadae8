"""One run: the cell of a plan it fills, and the row it becomes. Loads JAX only to train."""

import time
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from budget.lab import recipe
from budget.lab.shape import Shape

METRIC = "nats_per_token"

COLUMNS = (
    "task", "run", "params", "tokens", "flops", "value", "stderr", "metric", "strategy", "n_tasks", "model_tasks",
    "seed", "seconds", "width", "layers", "batch",
)  # fmt: skip
"""Columns of a file of measured runs, in order."""

Row = dict[str, str | int | float]


@dataclass(frozen=True)
class Cell:
    """What a plan asks for: one model to train.

    Attributes:
        task: name in `tasks.TASKS`.
        shape: the model's size.
        tokens: input positions to train on, before rounding to whole batches.
        seed: of the starting weights and the training sequences.
    """

    task: str
    shape: Shape
    tokens: int
    seed: int

    @property
    def run(self) -> str:
        """The run's name, such as `lookup_easy-d16-L1-1.28e5-s0`; no other cell has it."""
        digits, _, power = f"{Decimal(self.tokens).normalize():e}".partition("e")
        return f"{self.task}-d{self.shape.width}-L{self.shape.layers}-{digits}e{int(power)}-s{self.seed}"

    @property
    def flops(self) -> float:
        """Training FLOPs, known before the run."""
        return recipe.training_flops(self.shape, self.tokens)


@dataclass(frozen=True)
class Run:
    """A trained cell.

    Attributes:
        cell: what was trained.
        value: held-out loss, nats per scored token; not finite where the run diverged.
        stderr: its standard error.
        seconds: wall time of data, training and scoring, any compilation included.
    """

    cell: Cell
    value: float
    stderr: float
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether there is no loss to report."""
        return not (np.isfinite(self.value) and np.isfinite(self.stderr))

    @property
    def row(self) -> Row:
        """The row of the file of measured runs, by `COLUMNS`."""
        cell = self.cell
        cells = (
            cell.task, cell.run, cell.shape.parameters, recipe.trained_tokens(cell.tokens), cell.flops, self.value,
            self.stderr, METRIC, "specialist", 1, cell.task, cell.seed, round(self.seconds, 2), cell.shape.width,
            cell.shape.layers, recipe.batch_size(cell.tokens),
        )  # fmt: skip
        return dict(zip(COLUMNS, cells, strict=True))


def measure_cell(cell: Cell) -> Run:
    """Train and score the model of a cell.

    Args:
        cell: what to train.

    Returns:
        The run; its value is not finite if it diverged.
    """
    from budget.lab import train  # loads JAX
    from budget.lab.tasks import TASKS

    begin = time.perf_counter()
    source = TASKS[cell.task].source
    weights, _ = train.train(source, cell.shape, cell.tokens, cell.seed)
    score = train.score(weights, source)
    return Run(cell, score.value, score.stderr, time.perf_counter() - begin)
