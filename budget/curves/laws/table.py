"""The table of laws: which there are, which one a file asks for, and the columns it reads.

To add a law, write its record in a file of its own and put it into ``LAWS``: the fit, the plans, the commands and the
tests' sweeps read this table.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from budget.curves.laws import bnsl, chinchilla, m4, power, repeat, shared, surface, transfer, trend
from budget.curves.laws.law import Law, Published
from budget.curves.laws.names import AUTO as AUTO
from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST

LAWS: dict[str, Law] = {
    module.LAW.name: module.LAW for module in (power, chinchilla, repeat, m4, bnsl, shared, transfer, trend, surface)
}


def laws_table() -> pd.DataFrame:
    """One row a law and published curve of it: what it says, what it reads, where it comes from, its constants."""
    rows = []
    for law in LAWS.values():
        row = {"law": law.name, "formula": law.formula, "inputs": "|".join(law.inputs), "source": law.reference}
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
    """The law of a curves file: its record, over the file's own sources where it has any."""
    law = LAWS[name]
    return law.with_sources(inputs[1:]) if law.reads_mixtures else law


def choose_law(scales: Sequence[str], *, searched: bool) -> str:
    """The law for a file's scale columns: of two scales where params and tokens are both there.

    Args:
        scales: the columns.
        searched: whether its optimum is to be searched for; else its curves are a posterior's draws.
    """
    two = {"params", "tokens"} <= set(scales)
    return ("chinchilla" if two else "power") if searched else ("surface" if two else "trend")


def choose_scale(scales: Sequence[str]) -> str:
    """The column a one-scale law reads where none is named: x, then flops, tokens, params."""
    return next(name for name in ("x", "flops", "tokens", "params") if name in scales)


def law_inputs(runs: Runs, law: Law, scale: str | None = None) -> tuple[str, ...]:
    """The scale columns that a law reads from a file.

    Raises:
        DataError: the file lacks one, or ``scale`` is given to a law that takes params and tokens.
    """
    if law.reads_one_scale:
        inputs: tuple[str, ...] = (scale or choose_scale(tuple(runs.scale)),)
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
