"""The laws: parametric forms of a value against scale, one record each.

To add a law, add a record to ``LAWS``: the fit and the tests' sweeps read this table, and a test holds the commands'
choices to it.
"""

from collections.abc import Sequence
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.law import EXPONENT, LOG_COEFFICIENT, Chart, Law, Parameter
from budget.errors import DataError
from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST

SLOPES = tuple(np.geomspace(0.04, 1.6, 8))
"""Where starts are laid along an exponent."""


def _floor() -> Parameter:
    return Parameter("E", "floor")


def _term(coefficient: str, exponent: str, at: int, input: int = 0, grid: tuple[float, ...] = SLOPES) -> tuple:
    """A falling power's coefficient and exponent, the exponent standing at position ``at``."""
    return (
        Parameter(coefficient, "coefficient", *LOG_COEFFICIENT, input=input, exponent=at),
        Parameter(exponent, "plain", *EXPONENT, grid=grid),
    )


def _power(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    return 0.0, -theta[..., 2] * z[..., 0]


def _chinchilla(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    return 0.0, -theta[..., 2] * z[..., 0], -theta[..., 4] * z[..., 1]


MOST_EXCESS = 12.0
"""Largest logarithm of parameters over what the unique data can use: beyond it more parameters change nothing."""


def _repeat(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    """Effective parameters and data: what goes beyond one epoch (or beyond what the data can use) loses value."""
    a, alpha, b, beta, log_rd, log_rn = (theta[..., i] for i in range(1, 7))
    params, tokens = z[..., 0], z[..., 1]
    unique = xp.minimum(z[..., 2], tokens)
    epochs = xp.exp(xp.minimum(tokens - unique, 46.0))
    data = unique + _saturated(epochs - 1, xp.exp(log_rd), xp)
    balance = (xp.log(alpha) + a - xp.log(beta) - b) / (alpha + beta)
    usable = beta / alpha * (unique + balance) + balance
    excess = xp.exp(xp.clip(params - usable, 0.0, MOST_EXCESS)) - 1
    size = xp.minimum(params, usable) + _saturated(excess, xp.exp(log_rn), xp)
    return 0.0, -alpha * size, -beta * data


def _saturated(repeats: Any, limit: Any, xp: ModuleType) -> Any:
    """``log(1 + R(1 − exp(−repeats/R)))`` with the limit R."""
    return xp.log1p(-limit * xp.expm1(-repeats / limit))


M4_TANGENTS = (-2.0, 0.0, 2.0)
"""Where the implicit law's left side has tangents, beside its ends."""

M4_STEPS = 3
"""Halley steps of the implicit law; the second leaves 1e-10 in the worst case over its box, the third rounding."""


def _m4(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    """The share ``s`` of the way from floor to ceiling solves ``log s − a·log(1 − s) = −c·(z − place)``.

    In ``u = logit(s)`` the left side is ``u + (a − 1)·log(1 + e^u)``: convex (a > 1) or concave, so that its tangents
    bound the solution from one side, and the nearest bound is where Halley's steps begin. From a solution, one such
    step as a function of ``a`` and the target has the solution's first and second derivatives: only the last carries
    them.
    """
    a, c, place = theta[..., 2], theta[..., 3], theta[..., 4]
    target = -c * (z[..., 0] - place)
    roots = [target, target / a]
    for at in M4_TANGENTS:
        rise, s = np.log1p(np.exp(at)), 1 / (1 + np.exp(-at))
        roots.append(at + (target - at - (a - 1) * rise) / (1 + (a - 1) * s))
    u = xp.where(a > 1, reduce(xp.minimum, roots), reduce(xp.maximum, roots))
    for _ in range(M4_STEPS):
        u = _held(u, xp)
        small = xp.exp(-xp.abs(u))
        rise = xp.maximum(u, 0.0) + xp.log1p(small)  # log(1 + e^u)
        s = xp.where(u > 0, 1.0, small) / (1 + small)
        slope = 1 + (a - 1) * s
        newton = (u + (a - 1) * rise - target) / slope
        u = u - newton / (1 - newton * (a - 1) * s * (1 - s) / (2 * slope))
    rest = xp.log1p(xp.exp(-xp.abs(u)))
    return -xp.maximum(u, 0.0) - rest, xp.minimum(u, 0.0) - rest


M4_LEAST_GAP = 1e-9
"""Least distance between ceiling and floor whose logarithm is taken."""


def _m4_into(theta: Any, plain: Any, xp: ModuleType) -> Any:
    """Towards its floor the law is ``E + (E0 − E)·exp(c·place)·exp(−c·z)``: that factor's logarithm replaces the place.

    Runs that show nothing of the ceiling leave ceiling and place open along the curve where this factor is constant.
    """
    floor, ceiling, a, c, place = (theta[..., i] for i in range(5))
    factor = c * place + xp.log(xp.maximum(ceiling - floor, M4_LEAST_GAP))
    return xp.stack([floor, xp.log(ceiling), a, c, xp.where(plain, place, factor)], axis=-1)


def _m4_back(coordinates: Any, plain: Any, xp: ModuleType) -> Any:
    floor, log_ceiling, a, c, last = (coordinates[..., i] for i in range(5))
    ceiling = xp.exp(log_ceiling)
    place = (last - xp.log(xp.maximum(ceiling - floor, M4_LEAST_GAP))) / c
    return xp.stack([floor, ceiling, a, c, xp.where(plain, last, place)], axis=-1)


def _held(u: Any, xp: ModuleType) -> Any:
    """A value through which no derivative flows."""
    if xp is np:
        return u
    from jax.lax import stop_gradient

    return stop_gradient(u)


def _bnsl(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    before, after, place, width = theta[..., 2], theta[..., 3], theta[..., 4], xp.exp(theta[..., 5])
    x = z[..., 0]
    bend = width * xp.logaddexp(0.0, (x - place) / width)
    return 0.0, -before * x - (after - before) * bend


def _shared(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    tasks = z[..., 2]
    return (
        0.0,
        theta[..., 5] * tasks - theta[..., 2] * z[..., 0],
        theta[..., 6] * tasks - theta[..., 4] * z[..., 1],
    )


LEAST_SHARE = 1e-2
"""Share of a mixture's tokens down to which effective data are the sum; below it harm has a diminishing effect."""


def _transfer(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    tokens = xp.exp(z[..., 1:])
    least = LEAST_SHARE * tokens.sum(axis=-1)
    ratio = (theta[..., 5:] * tokens).sum(axis=-1) / least
    # below the least share the effective data go to 0 like 1/(2 − ratio), which meets the ratio with its slope at 1
    below = -xp.log(2 - xp.minimum(ratio, 1.0))
    effective = xp.where(ratio > 1, xp.log(xp.maximum(ratio, 1.0)), below) + xp.log(least)
    return 0.0, -theta[..., 2] * z[..., 0], -theta[..., 4] * effective


LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law(
            name="power",
            formula="E + A·x^-a",
            reference="Hestness et al. 2017, arXiv 1712.00409",
            inputs=("scale",),
            parameters=(_floor(), *_term("A", "a", 2)),
            basis=_power,
            posynomial_terms=True,
        ),
        Law(
            name="chinchilla",
            formula="E + A/N^alpha + B/D^beta",
            reference="Hoffmann et al. 2022, arXiv 2203.15556",
            inputs=("params", "tokens"),
            parameters=(_floor(), *_term("A", "alpha", 2), *_term("B", "beta", 4, input=1)),
            basis=_chinchilla,
            posynomial_terms=True,
        ),
        Law(
            name="repeat",
            formula="E + A/N_eff^alpha + B/D_eff^beta",
            reference="Muennighoff et al. 2023, arXiv 2305.16264",
            inputs=("params", "tokens", "unique_tokens"),
            parameters=(
                _floor(),
                *_term("A", "alpha", 2, grid=(0.1, 0.2, 0.35, 0.6, 1.0)),
                *_term("B", "beta", 4, input=1, grid=(0.1, 0.2, 0.35, 0.6, 1.0)),
                Parameter("R_D", "log", np.log(0.1), np.log(1e3), grid=(np.log(3.0), np.log(20.0))),
                Parameter("R_N", "log", np.log(0.1), np.log(1e3), grid=(np.log(3.0), np.log(30.0))),
            ),
            basis=_repeat,
        ),
        Law(
            name="m4",
            formula="(y − E)/(E0 − y)^a = (E0 − E)^(1−a)·(x/x0)^-c",
            reference="Alabdulmohsin et al. 2022, arXiv 2209.06640",
            inputs=("scale",),
            parameters=(
                _floor(),
                Parameter("E0", "ceiling"),
                Parameter("a", "plain", 0.05, 6.0, grid=(0.1, 0.5, 1.0, 2.0)),
                Parameter("c", "plain", *EXPONENT, grid=(0.06, 0.15, 0.3, 0.6, 1.2)),
                Parameter("x0", "place", -60.0, 30.0, grid=(-2.0, -0.5, 0.0, 0.2, 0.5, 0.8)),
            ),
            basis=_m4,
            starts=12,
            chart=Chart(_m4_into, _m4_back, mixing=4),
        ),
        Law(
            name="bnsl",
            formula="E + A·x^-c0·(1 + (x/d)^(1/f))^((c0−c1)·f)",
            reference="Caballero et al. 2023, arXiv 2210.14891 (one break; c1 is the exponent beyond it)",
            inputs=("scale",),
            parameters=(
                _floor(),
                Parameter("A", "coefficient", *LOG_COEFFICIENT, exponent=2),
                Parameter("c0", "plain", 0.0, 3.0, grid=(0.02, 0.08, 0.2, 0.4, 0.8)),
                Parameter("c1", "plain", *EXPONENT, grid=(0.06, 0.15, 0.3, 0.6, 1.2)),
                Parameter("d", "place", grid=(0.15, 0.35, 0.55, 0.75)),
                Parameter("f", "log", np.log(0.05), np.log(5.0), grid=(np.log(0.15), np.log(0.8))),
            ),
            basis=_bnsl,
            starts=12,
        ),
        Law(
            name="shared",
            formula="E + A·K^phi/N^alpha + B·K^psi/D^beta",
            reference="Longpre et al. 2025 (ATLAS)",
            inputs=("params", "task_tokens", "n_tasks"),
            parameters=(
                _floor(),
                *_term("A", "alpha", 2),
                *_term("B", "beta", 4, input=1),
                Parameter("phi", "plain", -1.5, 1.5, grid=(0.0,), common=True),
                Parameter("psi", "plain", -1.5, 1.5, grid=(0.0,), common=True),
            ),
            basis=_shared,
        ),
        Law(
            name="transfer",
            formula="E + A/N^alpha + B/(Σ_j tau_j·D_j)^beta",
            reference="effective data, Hernandez et al. 2021, arXiv 2102.01293; tau of the task's own source is 1",
            inputs=("params", "sources"),
            parameters=(
                _floor(),
                *_term("A", "alpha", 2),
                *_term("B", "beta", 4, input=1),
                Parameter("tau", "plain", -3.0, 5.0, grid=(0.0,)),
            ),
            basis=_transfer,
        ),
    )
}


def law_of(name: str, inputs: Sequence[str]) -> Law:
    """The law of a curves file: its record, over the file's own sources where it has any."""
    law = LAWS[name]
    return law.with_sources(inputs[1:]) if "sources" in law.inputs else law


def choose_law(scales: Sequence[str]) -> str:
    """The law for a file's scale columns: ``chinchilla`` where params and tokens are both there."""
    return "chinchilla" if {"params", "tokens"} <= set(scales) else "power"


def choose_scale(scales: Sequence[str]) -> str:
    """The column a one-scale law reads where none is named: x, then flops, tokens, params."""
    return next(name for name in ("x", "flops", "tokens", "params") if name in scales)


def law_inputs(runs: Runs, law: Law, scale: str | None = None) -> tuple[str, ...]:
    """The scale columns that a law reads from a file.

    Raises:
        DataError: the file lacks one, or ``scale`` is given to a law that takes params and tokens.
    """
    if "scale" in law.inputs:
        inputs: tuple[str, ...] = (scale or choose_scale(tuple(runs.scale)),)
    elif scale is not None:
        one_scale = ", ".join(name for name, other in LAWS.items() if "scale" in other.inputs)
        raise DataError(f"Law '{law.name}' reads {' and '.join(law.inputs)}; --scale is for --law {one_scale}.")
    elif "sources" in law.inputs:
        if runs.mixture is None:
            raise DataError(
                f"{runs.source}: law '{law.name}' needs what each run was trained on; give it with --mixtures CSV "
                "(columns run, source, tokens)."
            )
        inputs = ("params", *runs.mixture.sources)
    else:
        inputs = law.inputs
    kinds = [name for name in runs.strategy.split("|") if name]
    if "n_tasks" in law.inputs:
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
