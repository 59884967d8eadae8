"""Fits by SciPy, written without the package: any loss, power and chinchilla laws, fixed and tied parameters.

Values are divided by their median absolute value and inputs by their geometric mean. The smooth losses go to L-BFGS-B
with exact gradients from many starts; least absolute deviations go to successive linear programs in a trust region.
"""

import numpy as np
from scipy.optimize import linprog, minimize

SIDES = {"huber": 0.5, "lad": 0.5, "squares": 0.5, "asymmetric": 0.25}
DELTA = 1e-3


def formula(loss, residual, weight):
    """The objective, as the documents state it: data minus curve, 2·|q − [r < 0]|, Huber's rho."""
    total = 0.0
    for r, w in zip(residual, weight, strict=True):
        side = 2 * abs(SIDES[loss] - (r < 0))
        if loss == "lad":
            rho = abs(r)
        elif loss == "squares" or abs(r) <= DELTA:
            rho = r * r / 2
        else:
            rho = DELTA * (abs(r) - DELTA / 2)
        total += w * side * rho
    return total


class Problem:
    """``E + Σ_k exp(a_k − alpha_k·z_k)`` against data, in the vector ``(E, a_1, alpha_1, …)`` or its free part."""

    def __init__(self, inputs, value, loss, residual, weight=None, fixed=None, tied=False):
        self.unit = np.median(np.abs(value))
        self.y = value / self.unit
        logs = np.log(inputs)
        self.centre = logs.mean(axis=0)
        self.z = logs - self.centre
        self.loss, self.log = loss, residual == "log"
        self.weight = np.ones(len(value)) if weight is None else weight
        terms = self.z.shape[1]
        names = ["E", "A", "a"] if terms == 1 else ["E", "A", "alpha", "B", "beta"]
        low = 0.0 if value.min() > 0 else self.y.min() - 10 * np.ptp(self.y)
        self.low = np.array([low, *[-23.0, 0.005] * terms])
        self.high = np.array([self.y.max(), *[12.0, 3.0] * terms])
        # theta = base + spread @ free: fixed levels and exponents are constants, fixed coefficients follow exponents
        size = len(names)
        base, spread = np.zeros(size), np.eye(size)
        drop = set()
        for name, number in (fixed or {}).items():
            at = names.index(name)
            spread[at] = 0.0
            drop.add(at)
            if name == "E":
                base[at] = number / self.unit
            elif name in ("A", "B"):
                base[at] = np.log(number / self.unit)
                spread[at, at + 1] = -self.centre[(at - 1) // 2]
            else:
                base[at] = number
        if tied:
            spread[4], drop = np.eye(size)[2], drop | {4}
        for at in drop & {2, 4}:
            source = 2 if tied and at == 4 else at
            if source == at:
                base += spread[:, at] * base[at]  # a coefficient that follows a fixed exponent
        keep = [at for at in range(size) if at not in drop]
        self.base, self.spread, self.keep = base, spread[:, keep], keep

    def curve(self, free):
        """The curve (R,) and its derivatives (R, F)."""
        theta = self.base + self.spread @ free
        terms = np.exp(theta[1::2] - theta[2::2] * self.z)
        slopes = np.ones((len(self.y), len(theta)))
        slopes[:, 1::2], slopes[:, 2::2] = terms, -terms * self.z
        return theta[0] + terms.sum(axis=1), slopes @ self.spread

    def residual(self, free):
        """Data minus curve (R,), and its derivatives (R, F)."""
        curve, slopes = self.curve(free)
        if not self.log:
            return self.y - curve, -slopes
        curve = np.maximum(curve, 1e-300)
        return np.log(self.y) - np.log(curve), -slopes / curve[:, None]

    def value(self, free):
        return formula(self.loss, self.residual(free)[0], self.weight)

    def smooth(self, free):
        r, slopes = self.residual(free)
        side = 2 * np.abs(SIDES[self.loss] - (r < 0))
        corner = np.inf if self.loss == "squares" else DELTA
        size = np.minimum(np.abs(r), corner)
        each = self.weight * side
        loss = (each * size * (np.abs(r) - size / 2)).sum()
        return 1e4 * loss, 1e4 * (each * np.sign(r) * size) @ slopes

    def box(self):
        low, high = self.low[self.keep], self.high[self.keep]
        return low, high

    def feasible(self, free):
        theta = self.base + self.spread @ free
        return (theta >= self.low - 1e-9).all() and (theta <= self.high + 1e-9).all()

    def starts(self, count, seed):
        random = np.random.default_rng(seed)
        low, high = self.box()
        for _ in range(count):
            theta = np.array([random.uniform(min(0.0, self.low[0]), self.y.min()), *[0.0] * (2 * self.z.shape[1])])
            theta[1::2] = random.uniform(-3, 1, self.z.shape[1])
            theta[2::2] = random.uniform(0.05, 1.0, self.z.shape[1])
            yield np.clip(theta[self.keep], low, high)


def best(problem, starts=5, seed=0):
    """The lowest objective that SciPy finds."""
    low, high = problem.box()
    found = []
    for start in problem.starts(starts, seed):
        if problem.loss == "lad":
            end = _linear_programs(problem, start)
        else:
            end = minimize(
                problem.smooth, start, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)),
                options={"maxiter": 800, "maxfun": 1600, "ftol": 1e-15, "gtol": 1e-11},
            ).x  # fmt: skip
        if problem.feasible(end):
            found.append(problem.value(end))
    return min(found)


def _linear_programs(problem, free, radius=0.5, steps=60):
    """Minimize Σ w·|r + J·d| over a box around each iterate; the box shrinks where the model was wrong."""
    low, high = problem.box()
    loss = problem.value(free)
    rows, size = len(problem.y), len(free)
    for _ in range(steps):
        r, slopes = problem.residual(free)
        both = np.block([[slopes, -np.eye(rows)], [-slopes, -np.eye(rows)]])
        limits = np.column_stack([np.maximum(low - free, -radius), np.minimum(high - free, radius)])
        answer = linprog(
            np.concatenate([np.zeros(size), problem.weight]), both, np.concatenate([-r, r]),
            bounds=[*limits.tolist(), *[(0, None)] * rows], method="highs",
        )  # fmt: skip
        if answer.x is None or loss - answer.fun < 1e-10 * loss:
            break
        trial = np.clip(free + answer.x[:size], low, high)
        reached = problem.value(trial)
        if reached < loss:
            free, loss, radius = trial, reached, 2 * radius
        else:
            radius /= 4
        if radius < 1e-9:
            break
    return free
