"""Curves written down from known laws, without any fit: what plans are checked on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from budget.curves.cost_law import Cost
from budget.curves.curves import Curves
from budget.curves.laws.table import law_of
from budget.curves.link.link import Link
from tests.simulate import TRUTHS, TrueLink, Truth

SIX = Cost(np.array([6.0]), np.ones(1), np.ones(1), 0.0, 0.0)
ATTENTION = Cost(np.array([6.0, 900.0]), np.array([1.0, 0.5]), np.ones(2), 0.0, 0.0)

MUENNIGHOFF = {"E": 1.86914, "A": 520.825, "alpha": 0.3526596, "B": 1487.716, "beta": 0.3526596,
               "R_D": 15.387756, "R_N": 5.309743}  # fmt: skip
"""The published optimum of the data-constrained law, as written in the data's README."""


def curves_of(
    law: str,
    inputs: tuple[str, ...],
    natural: Mapping[str, tuple[float, ...]],
    *,
    reference: tuple[float, ...],
    reach: float = 10.0,
    draws: int = 0,
    spread: float = 0.02,
    seed: int = 0,
    cost: Cost | None = None,
    **changes: Any,
) -> Curves:
    """Curves of tasks with known parameters.

    Args:
        law: name in ``LAWS``.
        inputs: the scales that the law reads.
        natural: task → its parameters in the reader's units.
        reference: inputs at which coefficients are stated; the measured range is ``reach`` about them.
        reach: see there.
        draws: how many draws, the working parameters shaken by ``spread``.
        spread: see there.
        seed: of the draws.
        cost: FLOPs of a run, where the law reads params and tokens.
        changes: attributes of ``Curves`` to set otherwise.
    """
    form, count = law_of(law, inputs), len(natural)
    at = np.tile(np.array(reference, dtype=float), (count, 1))
    theta = form.working(np.array(list(natural.values()), dtype=float), at)
    noise = np.random.default_rng(seed).normal(size=(draws, *theta.shape))
    scale = spread * np.where(np.abs(theta) > 1, 1.0, np.abs(theta))
    measured = {name: at[:, position] for position, name in enumerate(inputs) if name != "unique_tokens"}
    if cost is not None:
        measured["flops"] = cost.flops(measured["params"], measured["tokens"])
    tasks = tuple(natural)
    values: dict[str, Any] = {
        "law": law,
        "scale_columns": inputs,
        "tasks": tasks,
        "metric": ("nats",) * count,
        "higher_is_better": np.zeros(count, dtype=bool),
        "ceiling": np.full(count, np.nan),
        "best": np.full(count, np.nan),
        "unserved": np.full(count, np.nan),
        "status": ("ok",) * count,
        "message": ("",) * count,
        "findings": ((),) * count,
        "bounds": ((),) * count,
        "outliers": ((),) * count,
        "parameters": theta,
        "draws": theta + scale * noise,
        "noise": np.zeros((draws, count)),
        "residual": "log",
        "reference": at,
        "runs": np.full(count, 25),
        "objective": np.zeros(count),
        "error": np.zeros(count),
        "agreement": np.ones(count),
        "gradient": np.zeros(count),
        "condition": np.ones(count),
        "pooled": np.zeros(count, dtype=bool),
        "smallest": {name: each / reach for name, each in measured.items()},
        "largest": {name: each * reach for name, each in measured.items()},
        "shared": np.zeros(count, dtype=bool),
        "group": np.arange(count),
        "cost": cost,
        "estimator": "known",
        "seed": seed,
    }
    return Curves(**(values | changes))


def chinchilla(truths: Mapping[str, Truth] = TRUTHS, *, cost: Cost | None = SIX, **changes: Any) -> Curves:
    """Curves ``E + A/N^alpha + B/D^beta``."""
    natural = {name: (t.E, t.A, t.alpha, t.B, t.beta) for name, t in truths.items()}
    return curves_of("chinchilla", ("params", "tokens"), natural, reference=(2e8, 5e9), cost=cost, **changes)


def power(natural: Mapping[str, tuple[float, float, float]], *, scale: str = "flops", **changes: Any) -> Curves:
    """Curves ``E + A·x^-a`` of one scale."""
    reference = (1e19,) if scale == "flops" else (1e9,)
    return curves_of("power", (scale,), natural, reference=reference, **changes)


def repeat(natural: Mapping[str, tuple[float, ...]] | None = None, **changes: Any) -> Curves:
    """Curves of the law of repeated data, by default the published one."""
    natural = {"web": tuple(MUENNIGHOFF.values())} if natural is None else natural
    options: dict[str, Any] = {"reference": (1e9, 2e10, 2e10), "cost": SIX} | changes
    return curves_of("repeat", ("params", "tokens", "unique_tokens"), natural, **options)


def one_model(curves: Curves) -> Curves:
    """The same curves as if they had been measured on models that serve all tasks."""
    from dataclasses import replace

    count = len(curves.tasks)
    return replace(curves, shared=np.ones(count, dtype=bool), group=np.zeros(count, dtype=int), shared_models=25)


def link_of(links: Mapping[str, TrueLink], *, draws: int = 0, spread: float = 0.02, seed: int = 1) -> Link:
    """Known links from loss to accuracy."""
    count = len(links)
    known = np.array([(link.slope, link.midpoint, link.chance, link.best) for link in links.values()])
    shaken = known * np.exp(spread * np.random.default_rng(seed).normal(size=(draws, count, 4)) * [1.0, 1.0, 0.0, 0.0])
    zeros = np.zeros(count)
    return Link(
        metric="accuracy",
        higher_is_better=np.ones(count, dtype=bool),
        status=("ok",) * count,
        message=("",) * count,
        parameters=known,
        draws=shaken,
        noise=np.zeros((draws, count)),
        stated=np.ones(count, dtype=bool),
        pairs=np.full(count, 25),
        error=zeros,
        agreement=zeros + 1,
        gradient=zeros,
        estimator="known",
    )
