"""The best shares of the tokens at a given number of them, for many scenarios at once, with proven bounds.

Minimize ``Σ_i exp(level_i)·(Σ_j τ_ij·s_j)^-β_i`` over shares ``s ≥ 0`` with ``Σ s ≤ 1``, ``s ≤ limit`` and effective
shares ``τ_i·s ≥ least·Σ s``: convex. A primal-dual interior-point method finds shares and prices of the constraints
together; its problems have a few dozen unknowns, so scenarios are stacked and no general solver is called. Where each
task has a source of its own and no limit, one price decides all shares, and a root takes its place.

The bound trusts none of it: for any prices ≥ 0, a convex function lies above its tangent at ``s``, and what a linear
function and priced constraints can reach at most is a sum of positive parts.
"""

from dataclasses import dataclass, fields

import numpy as np

STEPS = 80
EXACT = 1e-14
"""Complementarity, relative to the objective, at which the search ends."""

TIE = 1e-12
"""Added to the diagonal of a step's equations: it makes a step shorter where two sources do the same, no more."""

NEVER = 2.0
"""A limit on a share beyond which it never binds."""

NOTHING = 1e-9
"""A share below it is what the method leaves of 0."""


@dataclass(frozen=True)
class Shares:
    """Shares with what proves them, in L scenarios.

    Attributes:
        share: (L, S).
        log_value: (L,) logarithm of the objective there; what follows is relative to the objective.
        marginal: (L, S) fall of the objective per unit of each share.
        price: (L,) fall of the objective per unit of ``Σ s``.
        excess: (L, S) the same per unit of each limit.
        domain: (L, T) price of the least effective shares.
        constant: (L,) ``constant − price·total − Σ_j excess_j·limit_j`` is a lower bound of the objective for any
            other total and limits as well.
    """

    share: np.ndarray
    log_value: np.ndarray
    marginal: np.ndarray
    price: np.ndarray
    excess: np.ndarray
    domain: np.ndarray
    constant: np.ndarray

    def take(self, pick: np.ndarray) -> "Shares":
        """The scenarios at the positions ``pick``."""
        return Shares(**{field.name: getattr(self, field.name)[pick] for field in fields(self)})

    def bound(self, limit: np.ndarray) -> np.ndarray:
        """(L,) proven lower bound of the objective at limits (L, S), relative to its value at the shares."""
        return self.constant - self.price - (self.excess * np.where(np.isfinite(limit), limit, 0.0)).sum(axis=1)


def inside(tau: np.ndarray, least: float) -> np.ndarray | None:
    """A mixture (S,) of all sources with every effective share above the least, or ``None`` where there is none.

    Args:
        tau: (T, S).
        least: the least effective share.
    """
    from scipy.optimize import linprog  # takes long to load

    tasks, sources = tau.shape
    rows = np.block([[least - tau, np.ones((tasks, 1))], [-np.eye(sources), np.ones((sources, 1))]])
    found = linprog(
        np.append(np.zeros(sources), -1.0),
        A_ub=rows,
        b_ub=np.zeros(tasks + sources),
        A_eq=np.append(np.ones(sources), 0.0)[None],
        b_eq=np.ones(1),
        bounds=[(0, 1)] * sources + [(None, 1)],
        method="highs",
    )
    if found.status != 0 or found.x[-1] <= 0:
        return None
    return found.x[:-1]


def best_shares(
    level: np.ndarray, beta: np.ndarray, tau: np.ndarray, least: float, limit: np.ndarray, start: np.ndarray
) -> Shares:
    """Solve in every scenario.

    Args:
        level: (L, T) logarithms of the objective's coefficients.
        beta: (L, T) exponents.
        tau: (L, T, S).
        least: least effective share.
        limit: (L, S) of the shares, infinite where there is none.
        start: (L, S) strictly inside the domain; it is brought within the limits.
    """
    hurt = np.flatnonzero((tau < least).any(axis=(0, 2)))
    bounded = np.flatnonzero(np.isfinite(limit).all(axis=0))
    if len(hurt) == len(bounded) == 0 and tau.shape[1] == tau.shape[2] and (tau == np.eye(tau.shape[1])).all():
        s = own_shares(level, beta)
        price = np.zeros((len(s), 1))  # no constraint but the total, whose price the gradient tells
    else:
        s, price = _interior(level, beta, tau, least, limit, start, hurt, bounded)
    log_value, gradient, _ = _model(level, beta, tau, s)
    domain = np.zeros(tau.shape[:2])
    domain[:, hurt] = price[:, price.shape[1] - len(hurt) :]
    gain = np.einsum("lt,lts->ls", domain, tau - least) - gradient
    total, excess = _prices(gain, price[:, -1 - len(hurt)], bounded, limit)
    return Shares(s, log_value, -gradient, total, excess, domain, 1 - (gradient * s).sum(axis=1))


def own_shares(level: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """The best shares (L, T) where every task lives on its own tokens: ``β_i·exp(level_i)·s_i^-(β_i+1)`` is one price.

    The logarithm of ``Σ s`` is convex and falls in that of the price, so Newton's method from a price that is too low
    rises to the root.

    Args:
        level: (L, T) logarithms of the objective's coefficients.
        beta: (L, T) exponents.
    """
    gain, power = level + np.log(beta), 1 / (1 + beta)
    price = gain.max(axis=1, keepdims=True)
    for _ in range(STEPS):
        part = np.exp(power * (gain - price))
        total = part.sum(axis=1, keepdims=True)
        step = total * np.log(total) / (power * part).sum(axis=1, keepdims=True)
        price = price + step
        if (np.abs(step) <= EXACT * np.maximum(np.abs(price), 1.0)).all():
            break
    share = np.exp(power * (gain - price))
    return share / share.sum(axis=1, keepdims=True)


def _interior(
    level: np.ndarray,
    beta: np.ndarray,
    tau: np.ndarray,
    least: float,
    limit: np.ndarray,
    start: np.ndarray,
    hurt: np.ndarray,
    bounded: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Shares (L, S) and the prices of all constraints, those of effective shares (tasks ``hurt``) last."""
    rows = np.concatenate([-np.ones((len(tau), 1, tau.shape[2])), tau[:, hurt] - least], axis=1)
    if len(hurt):
        s = start * np.minimum(0.5, 0.5 * (limit / start).min(axis=1))[:, None]
    else:
        s = 0.5 * np.minimum(start, limit)
    near = np.minimum(limit[:, bounded], NEVER)
    gradient, hessian = _model(level, beta, tau, s)[1:]
    in_rows = np.einsum("lrs,ls->lr", rows, s)
    in_rows[:, 0] += 1
    slack = np.concatenate([s, near - s[:, bounded], in_rows], axis=1)
    price = (-(gradient * s).sum(axis=1) / slack.shape[1])[:, None] / slack
    far = np.ones((len(s), 1))
    for _ in range(STEPS):
        together = (price * slack).sum(axis=1)
        open_still = together > EXACT
        if not open_still.any():
            break
        # a step that was cut short is followed by one back toward the middle
        aim = np.where(far > 0.3, 0.1, 0.6) * together[:, None] / slack.shape[1]
        step, move, price_step = _newton(hessian, gradient, rows, bounded, slack, price, aim)
        far = np.where(open_still, np.minimum(_reach(slack, move), _reach(price, price_step)), 0.0)[:, None]
        # moved along rather than computed anew, which could round to 0
        s, slack, price = s + far * step, slack + far * move, price + far * price_step
        _, gradient, hessian = _model(level, beta, tau, s)
    s = _without_traces(s, tau)
    if len(bounded) == 0:  # more tokens of the same mixture always help, so nothing of the total is left
        s = s / s.sum(axis=1, keepdims=True)
    return s, price


def _prices(
    gain: np.ndarray, total: np.ndarray, bounded: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Prices of the total (L,) and of the limits (L, S) that together pay for what each share gains (L, S).

    Args:
        gain: fall of the objective per unit of each share.
        total: (L,) the method's own price of the total, which counts where limits share the payment.
        bounded: positions of the limited sources.
        limit: (L, S) of the shares.
    """
    if len(bounded) == 0:
        return np.maximum(gain.max(axis=1), 0.0), np.zeros_like(gain)
    total = np.maximum(total, np.delete(gain, bounded, axis=1).max(axis=1, initial=0.0))
    if len(bounded) == gain.shape[1]:  # where all sources have less than the total, more of it is worth nothing
        total = np.where(limit.sum(axis=1) < 1, 0.0, total)
    excess = np.zeros_like(gain)
    excess[:, bounded] = np.maximum(gain[:, bounded] - total[:, None], 0.0)
    return total, excess


def _model(
    level: np.ndarray, beta: np.ndarray, tau: np.ndarray, s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The logarithm of the objective (L,), its gradient (L, S) and Hessian (L, S, S).

    The logarithm is convex too (a sum of exponentials of convex functions), and Newton's method needs few steps on it
    where the objective falls by orders. Its Hessian is written as a sum of positive parts.
    """
    effective = np.einsum("lts,ls->lt", tau, s)
    logs = level - beta * np.log(effective)
    top = logs.max(axis=1, keepdims=True)
    part = np.exp(logs - top)
    total = part.sum(axis=1, keepdims=True)
    part = part / total
    slope = tau * (-beta / effective)[..., None]
    gradient = np.einsum("lt,lts->ls", part, slope)
    apart = slope - gradient[:, None]
    bend = tau * (part * beta / effective**2)[..., None]
    hessian = np.swapaxes(bend, 1, 2) @ tau + np.swapaxes(apart * part[..., None], 1, 2) @ apart
    return (top + np.log(total))[:, 0], gradient, hessian


def _without_traces(s: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """The shares with traces of a source set to 0, except in scenarios where some task lives on one."""
    rounded = np.where(s < NOTHING, 0.0, s)
    before, after = (np.einsum("lts,ls->lt", tau, each) for each in (s, rounded))
    return np.where((after > (1 - 1e-6) * before).all(axis=1, keepdims=True), rounded, s)


def _newton(
    hessian: np.ndarray,
    gradient: np.ndarray,
    rows: np.ndarray,
    bounded: np.ndarray,
    slack: np.ndarray,
    price: np.ndarray,
    aim: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps of the shares (L, S), and of the slacks and prices (L, R) of all constraints, toward ``price·slack = aim``.

    Constraints stand in the order: shares, limits, then ``rows``. The first two are diagonal and are eliminated; the
    prices of the rows stay unknowns beside the shares, which keeps precision when their slacks vanish.
    """
    lanes, sources = gradient.shape
    simple = sources + len(bounded)
    ratio, push = price / slack, aim / slack
    barrier, right = ratio[:, :sources].copy(), push[:, :sources] - gradient
    barrier[:, bounded] += ratio[:, sources:simple]
    right[:, bounded] -= push[:, sources:simple]
    held = price[:, simple:]
    right += np.einsum("lr,lrs->ls", held, rows)
    size = sources + rows.shape[1]
    matrix = np.zeros((lanes, size, size))
    matrix[:, :sources, :sources] = hessian
    matrix[:, :sources, sources:] = -np.swapaxes(rows, 1, 2)
    matrix[:, sources:, :sources] = rows
    diagonal = np.arange(size)
    matrix[:, diagonal[:sources], diagonal[:sources]] *= 1 + TIE
    matrix[:, diagonal, diagonal] += np.concatenate([barrier, 1 / ratio[:, simple:]], axis=1)
    right = np.concatenate([right, (aim - held * slack[:, simple:]) / held], axis=1)
    solved = np.linalg.solve(matrix, right[..., None])[..., 0]
    step, of_rows = solved[:, :sources], solved[:, sources:]
    of_simple = np.concatenate([step, -step[:, bounded]], axis=1)
    move = np.concatenate([of_simple, (aim - slack[:, simple:] * (held + of_rows)) / held], axis=1)
    price_step = np.concatenate([(push - price)[:, :simple] - ratio[:, :simple] * of_simple, of_rows], axis=1)
    return step, move, price_step


def _reach(value: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The part of a step (L,), at most all of it, that keeps positive values (L, R) positive."""
    with np.errstate(divide="ignore", over="ignore"):
        ratio = np.where(step < 0, -value / np.where(step < 0, step, -1.0), np.inf)
    return np.minimum(1.0, 0.99 * ratio.min(axis=1))
