"""Data-driven starts: variable projection (Golub & Pereyra 1973).

At fixed shape parameters a law is linear in its levels and coefficients. So the shape parameters are laid on a grid,
the linear parameters are solved for by least squares on relative errors with none negative, and the best grid points by
the real loss become the starts.

See docs/decisions/006-what-tracing-costs.md,
docs/decisions/007-starts-by-variable-projection.md.
"""

from itertools import product

import numpy as np

from budget.curves.fitting.batch import Batch
from budget.curves.fitting.constraints import Constraints
from budget.curves.fitting.loss import Loss
from budget.curves.laws.law import Law

MIN_TERM_SHARE = 1e-3
"""Smallest share of the fit that a term starts with: one that starts at nothing would not move."""

MAX_GRID_NUMBERS = 2**18
"""Numbers in the largest array of the tasks whose grids are laid at once, or one task's where that takes more."""


def best_starts(law: Law, constraints: Constraints, loss: Loss, batch: Batch) -> np.ndarray:
    """The ``law.starts`` best points of each task's grid, or all where it has fewer, as free parameters (T, S, F).

    In NumPy: to trace and load a program for it takes longer than laying the grids of some hundred tasks.
    """
    grid = grid_points(law, constraints)
    each = max(1, MAX_GRID_NUMBERS // (len(grid) * batch.z[0].size))
    parts = [batch.take(np.arange(first, min(first + each, len(batch)))) for first in range(0, len(batch), each)]
    return np.concatenate([_best_points(law, loss, part, grid) for part in parts])


def grid_points(law: Law, constraints: Constraints) -> np.ndarray:
    """All points of the grid over the shape parameters, shape (G, P).

    A place is a fraction of the task's measured range; linear parameters are 0, to be solved for. A fixed parameter
    has one point, tied ones move together.
    """
    fixed = {name for name, _ in constraints.fixed}
    follows = {name: names[0] for names in constraints.tied for name in names[1:]}
    # a parameter that another leads has no axis of its own, else every point would be there several times
    axes = [(p.grid or (0.0,))[: 1 if p.name in fixed or p.name in follows else None] for p in law.parameters]
    points = np.array(list(product(*axes)))
    for name, leader in follows.items():
        points[:, law.names.index(name)] = points[:, law.names.index(leader)]
    return points


def _best_points(law: Law, loss: Loss, batch: Batch, grid: np.ndarray) -> np.ndarray:
    """The best starts (T, S, F) of the grid (G, P)."""
    with np.errstate(all="ignore"):  # a point whose loss is no number comes last
        theta = _solved(law, loss.residual == "log", _shapes(law, batch, grid), batch)
        losses = loss.objective(batch.residual(law, theta, loss), batch.weight)
    order = np.argsort(losses, axis=0, kind="stable")[: law.starts]
    free = batch.reduced.project(np.take_along_axis(theta, order[:, :, None], axis=0))
    return np.swapaxes(free, 0, 1)


def _shapes(law: Law, batch: Batch, grid: np.ndarray) -> np.ndarray:
    """The grid (G, P) in each task's own coordinates and constraints (G, T, P)."""
    places = law.where("place")
    inputs = np.array([law.parameters[position].input for position in places], dtype=int)
    low = np.where(batch.there[:, :, None], batch.z, np.inf).min(axis=1)
    high = np.where(batch.there[:, :, None], batch.z, -np.inf).max(axis=1)
    shapes = np.repeat(grid[:, None], len(batch), axis=1)
    shapes[:, :, places] = low[:, inputs] + shapes[:, :, places] * (high - low)[:, inputs]
    linear = np.array([p.linear for p in law.parameters])
    inside = np.clip(shapes, batch.lower, batch.upper)
    shapes = np.where(batch.pinned, batch.lower, np.where(linear, shapes, inside))
    return batch.reduced.theta(batch.reduced.project(shapes))


def _solved(law: Law, relative: bool, shapes: np.ndarray, batch: Batch) -> np.ndarray:
    """Working parameters (G, T, P) that fit best at given shape parameters.

    Args:
        law: the law.
        relative: whether errors are divided by the values (else they count as they are).
        shapes: (G, T, P) shape parameters; linear entries are read where the task's constraints give them.
        batch: T tasks.
    """
    linear = np.flatnonzero([p.linear for p in law.parameters])
    levels = np.array([law.parameters[position].kind != "coefficient" for position in linear])
    # what the user or the file decides is not solved for: its part is taken off the data first
    given = (batch.pinned | (np.abs(batch.expand).sum(axis=2) == 0))[:, linear]
    at, lower, upper = shapes[:, :, linear], batch.lower[:, linear], batch.upper[:, linear]
    # a level is counted from its lower bound, which may be negative or the largest value
    base = np.where(given, np.where(levels, at, np.exp(at)), np.where(levels, lower, 0.0))
    basis = law.basis(shapes[:, :, None], batch.z, np)
    columns = np.stack([np.broadcast_to(np.exp(logs), (len(shapes), *batch.value.shape)) for logs in basis], axis=2)
    # of log residuals the relative error is the first order, and it keeps the problem linear
    scale = np.sqrt(batch.weight) / (batch.value if relative else 1.0)
    matrix = columns * scale[:, None] * ~given[:, :, None]
    target = (batch.value - (base[:, :, None] @ columns)[:, :, 0]) * scale
    # normal equations: their loss of digits does not matter for a start, and one product serves every support
    gram = matrix @ np.swapaxes(matrix, 2, 3)
    solved = _nonnegative(gram, (matrix @ target[..., None])[..., 0], ~given)
    # a coefficient of nothing has the logarithm −∞, from which no step leads back
    least = MIN_TERM_SHARE * np.maximum(solved.sum(axis=2, keepdims=True), MIN_TERM_SHARE)
    found = np.where(levels, base + solved, np.log(np.maximum(solved, least)))
    theta = shapes.copy()
    theta[:, :, linear] = np.clip(np.where(given, at, found), lower, upper)
    return theta


def _nonnegative(gram: np.ndarray, moment: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Non-negative least squares ``min xᵀGx − 2mᵀx`` by trying every set of positive variables (at most 2³).

    Args:
        gram: (G, T, L, L).
        moment: (G, T, L).
        free: (T, L) which variables are not 0.
    """
    size = gram.shape[-1]
    best, lowest = np.zeros_like(moment), np.zeros(moment.shape[:-1])
    # the optimum is the unconstrained one on its own support, and any support's solution without a negative number is
    # feasible: so the best of these is the optimum (its KKT conditions), and no active set has to be followed
    for support in product((False, True), repeat=size):
        chosen = free & support
        both = chosen[:, :, None] & chosen[:, None, :]
        # the ridge and the least number keep a system without a unique solution from being an error
        matrix = gram * (both + 1e-12 * np.eye(size)) + (~chosen[:, :, None] + 1e-300) * np.eye(size)
        answer = np.linalg.solve(matrix, (moment * chosen)[..., None])[..., 0] * chosen
        loss = ((answer[..., None, :] @ gram)[..., 0, :] * answer - 2 * moment * answer).sum(axis=-1)
        better = (answer >= 0).all(axis=-1) & (loss < lowest)
        best, lowest = np.where(better[..., None], answer, best), np.where(better, loss, lowest)
    return best
