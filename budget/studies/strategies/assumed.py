"""A strategy that nobody measured, from published constants: used on request only, and marked wherever it appears.

See docs/decisions/083-unmeasured-strategies-on-request.md.
"""

from dataclasses import replace

import numpy as np

from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.studies.strategies.strategy_curves import FittedStrategies, StrategyCurves

CONSTANTS = {"atlas": (0.11, -0.04)}
"""Name → (φ, ψ): ATLAS (Longpre et al. 2025) over multilingual language models."""

MARK = "assumed"
"""Stands in the name of every strategy that was not measured."""


def with_assumed(strategies: FittedStrategies, source: str) -> FittedStrategies:
    """The strategies with a generalist of all tasks as published constants would have it.

    A model of K tasks with K times a task's tokens in all, equally mixed, follows
    ``E_i + A_i K^φ/N^α_i + B_i K^ψ/(D/K)^β_i`` with the specialists' own constants.

    Args:
        strategies: with specialists whose law is ``chinchilla``.
        source: name in ``CONSTANTS``.

    Raises:
        AllocationError: there are no such specialists, or only one task.
    """
    alone = strategies.specialists
    if alone is None or not can_assume(strategies):
        raise AllocationError(
            f"--assume {source} turns the specialists' curves of law chinchilla into a generalist's, and needs those "
            "of at least two tasks; measure specialists over params and tokens, or leave it out."
        )
    phi, psi = CONSTANTS[source]
    curves, count = alone.curves, len(alone.tasks)
    at_params, _ = curves.form.term_of("params")
    at_tokens, beta = curves.form.term_of("tokens")

    def shared(theta: np.ndarray) -> np.ndarray:
        """Parameters (…, P) with the number of tasks put into the coefficients, which are logarithms."""
        theta = theta.copy()
        theta[..., at_params] += phi * np.log(count)
        theta[..., at_tokens] += (psi + theta[..., beta]) * np.log(count)
        return theta

    said = f"Strategy 'generalist ({MARK}: {source})' was not measured: phi {phi:g} and psi {psi:g} as published."
    model = replace(
        curves,
        parameters=shared(curves.parameters),
        draws=shared(curves.draws),
        shared=np.ones(count, dtype=bool),
        group=np.zeros(count, dtype=int),
        notes=(*curves.notes, said),
        prediction=None,
        verdict=("",) * count,
        judged=("",) * count,
        held=np.full((count, 3), np.nan),
    )
    return replace(
        strategies,
        shared=(*strategies.shared, StrategyCurves(f"generalist ({MARK}: {source})", model)),
        left_out=(*strategies.left_out, said),
    )


def can_assume(strategies: FittedStrategies) -> bool:
    """Whether there are the specialists that ``with_assumed`` starts from."""
    alone = strategies.specialists
    return alone is not None and _has_powers_of_both(alone.curves) and len(alone.tasks) > 1


def _has_powers_of_both(curves: Curves) -> bool:
    """Whether the curves are a floor plus a falling power of params and one of tokens."""
    return curves.form.is_power_sum and curves.scale_columns == ("params", "tokens")
