"""The table of laws: which there are, which one a file asks for, and the columns it reads.

To add a law, write its record in a file of its own and put it into ``LAWS``: the fit, the plans, the commands and the
tests' sweeps read this table.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from budget.curves.laws import (
    bnsl,
    chinchilla,
    m4,
    power,
    repeat,
    shared,
    surface,
    transfer,
    trend,
)
from budget.curves.laws.drifting import scales, surface_repeat
from budget.curves.laws.law import Law, Published
from budget.curves.laws.names import AUTO as AUTO
from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.tables.checks.quality import LEAST_EPOCHS
from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST

LAWS: dict[str, Law] = {
    module.LAW.name: module.LAW
    for module in (power, chinchilla, repeat, m4, bnsl, shared, transfer, trend, surface, surface_repeat, scales)
}


def laws_table() -> pd.DataFrame:
    """One row a law and published curve of it: what it says, what it reads, where it comes from, its constants."""
    rows = []
    for law in LAWS.values():
        row = {
            "law": law.name,
            "formula": law.formula,
            "inputs": "--scales" if law.reads_named_scales else "|".join(law.inputs),
            "source": law.reference,
        }
        rows.append({**row, "published": "", "constants": "", "unit": ""})
        for each in law.published:
            constants = " ".join(f"{name}={value:g}" for name, value in each.constants.items())
            rows.append(
                {**row, "source": each.source, "published": each.name, "constants": constants, "unit": each.unit}
            )
    return pd.DataFrame(rows)


def published_curve(name: str) -> tuple[Law, Published]:
    """A published curve and its law.

    Raises:
        DataError: there is none of that name.
    """
    every = {each.name: (law, each) for law in LAWS.values() for each in law.published}
    if name not in every:
        raise DataError(f"There is no published curve {shown(name)}; 'budget laws' lists {', '.join(every)}.")
    return every[name]


def law_of(name: str, inputs: Sequence[str]) -> Law:
    """The law of a curves file: its record, over the file's own scales or sources where it reads any."""
    return LAWS[name].over(inputs)


def choose_law(scales: Sequence[str], *, searched: bool, named: Sequence[str] = (), repeated: bool = False) -> str:
    """The law for a file's scale columns: of two scales where params and tokens are both there.

    Args:
        scales: the columns.
        searched: whether its optimum is to be searched for; else its curves are a posterior's draws.
        named: the columns that are named for the law to read, where any are.
        repeated: whether runs have seen their unique tokens more than once.
    """
    two = {"params", "tokens"} <= set(scales)
    if searched:
        return "chinchilla" if two else "power"
    if named and set(named) not in ({"params", "tokens"}, set(LAWS["surface_repeat"].inputs)):
        return "scales"
    if not two:
        return "trend"
    return "surface_repeat" if repeated and (not named or "unique_tokens" in named) else "surface"


def law_for(runs: Runs, *, searched: bool) -> str:
    """The law that a file asks for (``choose_law``)."""
    repeated = False
    if {"tokens", "unique_tokens"} <= set(runs.columns):
        repeated = bool((runs.columns["tokens"] / runs.columns["unique_tokens"]).max() >= LEAST_EPOCHS)
    return choose_law(tuple(runs.scale), searched=searched, named=runs.named_scales, repeated=repeated)


def choose_scale(scales: Sequence[str]) -> str:
    """The column a one-scale law reads where none is named: x, then flops, tokens, params, then whatever is first."""
    return next((name for name in ("x", "flops", "tokens", "params") if name in scales), scales[0])


def law_inputs(runs: Runs, law: Law, scale: str | None = None) -> tuple[str, ...]:
    """The scale columns that a law reads from a file.

    Raises:
        DataError: the file lacks one, or ``scale`` is given to a law that takes params and tokens.
    """
    if law.reads_named_scales:
        inputs: tuple[str, ...] = _named_scales(runs)
    elif runs.named_scales and law.name not in ("surface", "surface_repeat"):
        raise DataError(
            f"{runs.source}: law '{law.name}' reads {' and '.join(law.inputs)}; --scales is for --law {AUTO} or scales."
        )
    elif law.reads_one_scale:
        inputs = (scale or choose_scale(tuple(runs.scale)),)
    elif scale is not None:
        one_scale = ", ".join(name for name, other in LAWS.items() if other.reads_one_scale)
        raise DataError(f"Law '{law.name}' reads {' and '.join(law.inputs)}; --scale is for --law {one_scale}.")
    elif law.reads_mixtures:
        if runs.mixture is None:
            raise DataError(
                f"{runs.source}: law '{law.name}' needs what each run was trained on; give it with --mixtures CSV "
                "(columns run, source, tokens)."
            )
        inputs = ("params", *runs.mixture.sources)
    else:
        inputs = law.inputs
    kinds = [name for name in runs.strategy.split("|") if name]
    if law.counts_tasks:
        several = [name for name in kinds if name not in SPECIALIST]
        if len(several) > 1:
            raise DataError(
                f"{runs.source}: column 'strategy' holds {' and '.join(repr(name) for name in several)}, and phi and "
                f"psi belong to one of them; choose with --where strategy={several[0]} (and the specialists beside it)."
            )
        if len(np.unique(runs.extra["n_tasks"])) < 2:
            raise DataError(
                f"{runs.source}: law '{law.name}' needs models of at least two numbers of tasks, and all runs have "
                f"n_tasks {runs.extra['n_tasks'][0]:g}; measure others, or fit another law."
            )
    elif len(kinds) > 1:
        raise DataError(
            f"{runs.source}: column 'strategy' holds {', '.join(repr(name) for name in kinds)}, whose curves differ; "
            f"choose one with --where strategy={kinds[0]}."
        )
    for name in inputs:
        if name not in runs.columns:
            raise DataError(
                f"{runs.source}: law '{law.name}' needs the column '{name}', and the file has "
                f"{', '.join(runs.columns)}; name yours with --column {name}=THEIRS or choose another law."
            )
    return inputs


def _named_scales(runs: Runs) -> tuple[str, ...]:
    """The columns that ``--scales`` names.

    Raises:
        DataError: it names none, or one that says nothing.
    """
    if not runs.named_scales:
        raise DataError(
            f"{runs.source}: law 'scales' reads the columns that --scales names; give two or three, for example "
            "--scales params,experts."
        )
    for name in runs.named_scales:
        values = runs.columns[name]
        if np.ptp(values) == 0:
            raise DataError(
                f"{runs.source}, column '{name}': all rows have {values[0]:g}, which says nothing of its influence; "
                "leave it out of --scales."
            )
    return runs.named_scales
