"""Plans under any limits by SciPy's SLSQP from several starts, written without the package."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize


@dataclass
class Limited:
    """Minimize ``fold(values)`` of T tasks over log params, log tokens and the amounts that they are given.

    Attributes:
        value: (log inputs (T, I)) → values (T,).
        costs: of every resource, (log inputs (T, I)) → amounts (T,).
        totals: budget of every resource, infinity where it has none.
        start: (T, I) log inputs from which the search starts, with and without noise.
        rows: (resource, coefficients (T,), most): ``coefficients · given ≤ most``.
        low: (T,) least amounts of the first resource.
        high: (T,) greatest.
    """

    value: object
    costs: list
    totals: list
    start: np.ndarray
    rows: list = field(default_factory=list)
    low: object = 0.0
    high: object = np.inf

    def best(self, fold=None, starts: int = 3, seed: int = 0):
        """The best objective found that breaks no limit by more than 1e-8, with log inputs and amounts (R, T)."""
        random = np.random.default_rng(seed)
        tasks, inputs = self.start.shape
        size = np.array(
            [
                total if np.isfinite(total) else cost(self.start).sum()
                for total, cost in zip(self.totals, self.costs, strict=True)
            ]
        )
        count = len(self.costs)
        level = self.value(self.start)
        unit = np.ptp(level) + np.abs(level).mean()
        fold = fold or (lambda values: values.mean())

        def parts(z):
            u = self.start + z[: tasks * inputs].reshape(tasks, inputs)
            return u, z[tasks * inputs :].reshape(count, tasks)

        def slack(z):
            u, share = parts(z)
            logs = [
                np.log(np.maximum(share[r], 1e-14)) - np.log(cost(u) / size[r]) for r, cost in enumerate(self.costs)
            ]
            sums = [1 - share[r].sum() for r, total in enumerate(self.totals) if np.isfinite(total)]
            lines = [
                (most / size[r] - coefficient @ share[r]) / np.abs(coefficient).max()
                for r, coefficient, most in self.rows
            ]
            return np.concatenate([*logs, sums, lines])

        low = np.broadcast_to(self.low, tasks) / size[0]
        high = np.minimum(np.broadcast_to(self.high, tasks) / size[0], 10.0)
        ends = [(-8, 8)] * (tasks * inputs) + list(zip(np.maximum(low, 1e-9), high, strict=True))
        ends += [(1e-9, 10.0)] * (tasks * (count - 1))
        found = (np.inf, None, None)
        for attempt in range(starts):
            shift = random.normal(size=self.start.shape) * (0.4 if attempt else 0.0)
            first = np.concatenate([shift.ravel() - 1.0, np.full(count * tasks, 1 / tasks)])
            run = minimize(
                lambda z: fold(self.value(parts(z)[0])) / unit,
                np.clip(first, [end[0] for end in ends], [end[1] for end in ends]),
                method="SLSQP",
                jac="3-point",
                bounds=ends,
                constraints={"type": "ineq", "fun": slack},
                options={"ftol": 1e-14, "maxiter": 400},
            )
            if slack(run.x).min() > -1e-8 and run.fun * unit < found[0]:
                u, share = parts(run.x)
                found = (float(run.fun * unit), u, share * size[:, None])
        return found
