"""Curves that others published, for plans before anything is measured."""

from collections.abc import Sequence

import numpy as np

from budget.curves.cost_law import Cost
from budget.curves.curves import Curves
from budget.curves.laws.table import published_curve
from budget.errors import DataError

SIX = Cost(np.array([6.0]), np.ones(1), np.ones(1), 0.0, 0.0, assumed=True)
"""Six FLOPs a parameter and token (Kaplan et al. 2020, section 2.1)."""


def curves_of_published(name: str, tasks: Sequence[str]) -> Curves:
    """One published curve for every task.

    Args:
        name: of the published curve.
        tasks: (T,) names.

    Raises:
        DataError: there is no such curve, or a task is named twice.
    """
    law, published = published_curve(name)
    count = len(tasks)
    if len(set(tasks)) < count:
        raise DataError("--task names one task twice; keep one of them.")
    ends = {column: published.measured[column] for column in law.inputs}
    # coefficients are stated amid the runs that they were fitted to; tokens of all kinds share one reference
    middle = {column: np.sqrt(low * high) for column, (low, high) in ends.items()}
    reference = np.array([middle["tokens" if column == "unique_tokens" else column] for column in law.inputs])
    theta = law.working(np.array([published.constants[each] for each in law.names]), reference)
    unknown, nothing = np.full(count, np.nan), np.zeros(count, dtype=bool)
    text = f"no run of it was measured: this is the curve {published.name}, in {published.unit}"
    smallest, largest = ({column: np.full(count, end[at]) for column, end in ends.items()} for at in (0, 1))
    for ended in (smallest, largest):
        ended["flops"] = SIX.flops(ended["params"], ended["tokens"])
    return Curves(
        law=law.name,
        scale_columns=law.inputs,
        tasks=tuple(tasks),
        metric=("value",) * count,
        higher_is_better=nothing,
        ceiling=unknown,
        best=unknown,
        unserved=unknown,
        status=("published",) * count,
        message=(text,) * count,
        findings=((("published", text),),) * count,
        bounds=((),) * count,
        outliers=((),) * count,
        parameters=np.tile(theta, (count, 1)),
        draws=np.empty((0, count, len(theta))),
        noise=np.empty((0, count)),
        residual="log",
        reference=np.tile(reference, (count, 1)),
        runs=np.ones(count, dtype=int),
        objective=unknown,
        error=unknown,
        agreement=unknown,
        gradient=unknown,
        condition=unknown,
        pooled=nothing,
        smallest=smallest,
        largest=largest,
        shared=nothing,
        group=np.arange(count),
        cost=SIX,
        estimator="as published",
        seed=0,
        source=published.name,
        notes=(f"Published curve: {published.source}.",),
    )
