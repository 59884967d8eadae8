"""A plan of runs: the table that says which models to train. Importing this loads no JAX.

See docs/decisions/096-sweep-split-by-question.md.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from budget.errors import DataError
from budget.lab.synthetic_tasks.task_table import TASKS
from budget.lab.transformer.measured_cells import STRATEGIES, Cell
from budget.lab.transformer.shape import MOST_TASKS, Shape
from budget.numerics.numerals import number_of
from budget.numerics.quoting import listed, shown
from budget.tables.files import text as files

PLAN_COLUMNS = ("task", "width", "layers", "tokens", "seed")
"""Columns a plan must have."""

CHOICES = {"strategy": "", "mixture": "", "unique_tokens": "", "experts": "1", "active": "1", "trunk_share": ""}
"""Columns a plan may have, and what an empty cell means; any others are ignored.

Without a strategy a run is a `specialist` of one task or a `generalist` of several; a trunk's share is a half.
"""

_LEAST = {"width": 1, "layers": 1, "tokens": 1, "seed": 0, "experts": 1, "active": 1}

_LARGEST_SEED = 2**32 - 1
"""JAX reads no more of a seed, so that larger ones would start from the same weights as small ones."""


def read_plan(path: str | Path) -> list[Cell]:
    """Read and check a plan.

    Args:
        path: a CSV with the columns `PLAN_COLUMNS` and any of `CHOICES`, one row a run; several tasks of one model are
            joined by `|`, and so are the shares of their mixture.

    Returns:
        The cells in the file's order.

    Raises:
        DataError: names file, row, column and remedy of the first cell that cannot be used.
    """
    frame = files.read_csv(path, "plan")
    missing = [name for name in PLAN_COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path}: column '{missing[0]}' is missing; a plan has the columns {', '.join(PLAN_COLUMNS)} "
            f"(this file has: {listed(frame.columns)})."
        )
    cells: dict[str, int] = {}
    found = []
    for row, record in frame.iterrows():
        where = f"{path}, row {row}"
        given = {str(name): str(value).strip() for name, value in record.items()}
        cell = _cell(given | {name: given.get(name) or empty for name, empty in CHOICES.items()}, where)
        if cell.run in cells:
            raise DataError(f"{where}: the same run as row {cells[cell.run]}; delete one, or give it another seed.")
        cells[cell.run] = int(str(row))
        found.append(cell)
    return found


def _cell(record: Mapping[str, str], where: str) -> Cell:
    tasks = _tasks(record["task"], f"{where}, column 'task'")
    strategy = record["strategy"] or ("specialist" if len(tasks) == 1 else "generalist")
    if strategy not in STRATEGIES:
        raise DataError(f"{where}, column 'strategy': {shown(strategy)} is not one of {', '.join(STRATEGIES)}.")
    if strategy == "specialist" and len(tasks) > 1:
        raise DataError(f"{where}, column 'strategy': a specialist has one task, not {len(tasks)}; name one.")
    counts = {name: _whole_number(record[name], least, f"{where}, column '{name}'") for name, least in _LEAST.items()}
    if counts["seed"] > _LARGEST_SEED:
        raise DataError(f"{where}, column 'seed': {counts['seed']} is too large; give at most {_LARGEST_SEED}.")
    experts, active = counts["experts"], counts["active"]
    if (strategy == "moe") != (experts > 1):
        raise DataError(
            f"{where}, column 'experts': strategy {shown(strategy)} has {experts}; give moe at least 2, and the "
            "others 1."
        )
    if active > experts:
        raise DataError(
            f"{where}, column 'active': {active} is more than the {experts} experts; give at most {experts}."
        )
    unique = record["unique_tokens"]
    return Cell(
        tasks,
        Shape(counts["width"], counts["layers"], experts, active),
        counts["tokens"],
        counts["seed"],
        strategy,
        _shares(record["mixture"], len(tasks), f"{where}, column 'mixture'"),
        _whole_number(unique, 1, f"{where}, column 'unique_tokens'") if unique else None,
        _trunk_share(record["trunk_share"], strategy, f"{where}, column 'trunk_share'"),
    )


def _tasks(text: str, where: str) -> tuple[str, ...]:
    tasks = tuple(part.strip() for part in text.split("|"))
    for task in tasks:
        if task not in TASKS:
            raise DataError(f"{where}: unknown task {shown(task)}; choose one of {', '.join(TASKS)}.")
    if len(set(tasks)) < len(tasks):
        raise DataError(
            f"{where}: {shown(text)} names a task twice; name it once and use column 'mixture' for its share."
        )
    if len(tasks) > MOST_TASKS:
        raise DataError(f"{where}: {len(tasks)} tasks in one model; split them, a model serves at most {MOST_TASKS}.")
    return tasks


def _shares(text: str, tasks: int, where: str) -> tuple[float, ...]:
    """Shares joined by `|`; none where they are equal."""
    if not text:
        return ()
    try:
        shares = tuple(float(part) for part in text.split("|"))
    except ValueError:
        shares = ()
    if len(shares) != tasks or not all(np.isfinite(share) and share > 0 for share in shares):
        raise DataError(
            f"{where}: {shown(text)} is not a positive share for each of {tasks} tasks; write one such as 2|1."
        )
    return () if len(set(shares)) == 1 else shares


def _trunk_share(text: str, strategy: str, where: str) -> float:
    if strategy != "trunk":
        if text:
            raise DataError(f"{where}: strategy {shown(strategy)} has no trunk; leave the cell empty.")
        return 0.0
    try:
        share = float(text or 0.5)
    except ValueError:
        share = np.nan
    if not 0 < share < 1:
        raise DataError(f"{where}: {shown(text)} is not a share between 0 and 1; write one such as 0.5.")
    return share


def _whole_number(text: str, least: int, where: str) -> int:
    """A count such as `16` or `1.28e5`."""
    number = number_of(text)
    if not (np.isfinite(number) and number >= least and number == int(number)):
        raise DataError(
            f"{where}: {shown(text)} is not a whole number of at least {least}; write one such as {least + 15}."
        )
    return int(number)
