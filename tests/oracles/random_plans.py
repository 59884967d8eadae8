"""Random planning problems, and their optima without the package: bisection, enumeration, SLSQP, exact feasibility.

A task's value at a spend has a closed form (``E + A·x^-a``, or ``E + A/N^α + B/D^β`` at ``6·N·D = spend`` with N and D
from 1 on), so a problem is one over the spends alone.
"""

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import minimize

from tests.oracles.rational import can_be_met

FLOPS = 6.0
"""FLOPs a parameter and token."""


def best_value(floor, a, alpha, b, beta, spend):
    """The least ``E + A/N^α + B/D^β`` over models of ``6·N·D = spend`` with N and D from 1 on."""
    room = np.log(np.maximum(spend / FLOPS, 1.0))
    size = np.clip((np.log(a * alpha / (b * beta)) + beta * room) / (alpha + beta), 0.0, room)
    return floor + a * np.exp(-alpha * size) + b * np.exp(-beta * (room - size))


@dataclass(frozen=True)
class Stated:
    """One problem of T tasks.

    Attributes:
        law: ``power`` over x, or ``chinchilla``.
        theta: (T, P) its parameters.
        scale: where the curves were measured: x, or FLOPs.
        budget: the total.
        weight: (T,).
        low: (T,) stated minima, 0 where there is none.
        high: (T,) maxima, infinite where there is none.
        frozen: tasks whose low and high are what they spend today.
        rows: (coefficients (T,), least, most).
        objective: ``mean``, ``worst``, ``targets`` or ``cheapest``.
        target: (T,) values.
        unserved: (T,) values of tasks that may be given nothing, NaN where all must be served.
    """

    law: str
    theta: np.ndarray
    scale: float
    budget: float
    weight: np.ndarray
    low: np.ndarray
    high: np.ndarray
    frozen: tuple[int, ...]
    rows: tuple[tuple[np.ndarray, float, float], ...]
    objective: str
    target: np.ndarray
    unserved: np.ndarray

    @property
    def tasks(self) -> int:
        return len(self.weight)

    @property
    def share(self) -> np.ndarray:
        return self.weight / self.weight.sum()

    @property
    def optional(self) -> bool:
        return bool(np.isfinite(self.unserved).all())

    @property
    def smallest(self) -> float:
        """What the smallest model takes."""
        return FLOPS if self.law == "chinchilla" else 0.0

    def value(self, spend: np.ndarray) -> np.ndarray:
        """(T,) values of the best models at positive spends (T,)."""
        if self.law == "power":
            floor, coefficient, exponent = self.theta.T
            return floor + coefficient * spend**-exponent
        return best_value(*self.theta.T, spend)

    def objective_of(self, spend: np.ndarray) -> float:
        """What is made small, at spends (T,) of which some may be 0."""
        served = spend > 0
        if self.objective == "cheapest":
            return float(spend.sum())
        values = np.where(served, self.value(np.where(served, spend, 1.0)), self.unserved)
        if self.objective == "targets":
            return -float(self.weight @ (values <= self.target * (1 + 1e-9)))
        return float(values.max() if self.objective == "worst" else self.share @ values)

    @property
    def floors(self) -> float:
        """What no plan passes."""
        return {"mean": float(self.share @ self.theta[:, 0]), "worst": float(self.theta[:, 0].max())}.get(
            self.objective, 0.0
        )

    def broken(self, spend: np.ndarray) -> float:
        """By how much spends break the worst limit, relative to what that limit is about."""
        served = spend > 0
        worst = [spend.sum() / self.budget - 1] if np.isfinite(self.budget) else [0.0]
        stated = (self.low > 0) & served
        worst += list(1 - spend[stated] / self.low[stated])
        worst += list((spend / self.high - 1)[np.isfinite(self.high)])
        for coefficient, least, most in self.rows:
            used = coefficient * spend
            size = np.abs(used).max()
            for over in (used.sum() - most, least - used.sum()):
                if np.isfinite(over):
                    worst.append(over / max(size, 1e-300))
        return float(max(worst))


def random_problem(seed: int) -> Stated:
    """A problem of 1 to 8 tasks in units from 1e-6 to 1e24, with limits of every kind, some of which contradict."""
    rng = np.random.default_rng(seed)
    law = str(rng.choice(["power", "chinchilla"]))
    objective = str(rng.choice(["mean", "mean", "mean", "worst", "targets", "cheapest"]))
    limited = bool(rng.random() < 0.45) and objective in ("mean", "worst")
    tasks = int(rng.integers(1, 5 if limited else 9))
    if law == "power":
        scale = 10 ** rng.uniform(-6, 24)
        exponent = rng.uniform(0.1, 0.9, tasks)
        theta = np.column_stack(
            [rng.uniform(0.5, 3, tasks), 10 ** rng.uniform(-2, 2, tasks) * scale**exponent, exponent]
        )
        budget = scale * 10 ** rng.uniform(-2, 3)
    else:
        scale = FLOPS * 2e8 * 5e9
        theta = np.column_stack(
            [
                rng.uniform(0.5, 3, tasks),
                10 ** rng.uniform(-3, 4, tasks),
                rng.uniform(0.1, 0.6, tasks),
                10 ** rng.uniform(-3, 4, tasks),
                rng.uniform(0.1, 0.6, tasks),
            ]
        )
        budget = float(rng.choice([10 ** rng.uniform(1.7, 6), 10 ** rng.uniform(15, 26)]))
    weight = 10 ** rng.uniform(-2, 2, tasks) if rng.random() < 0.5 else np.ones(tasks)
    low, high = np.zeros(tasks), np.full(tasks, np.inf)
    part = budget / tasks
    if rng.random() < 0.4:
        some = rng.random(tasks) < 0.5
        low[some] = part * 10 ** rng.uniform(-9, 0.1, some.sum())
    if rng.random() < 0.4:
        some = rng.random(tasks) < 0.5
        high[some] = np.maximum(part * 10 ** rng.uniform(-6, 0.3, some.sum()), low[some])
    frozen: tuple[int, ...] = ()
    if rng.random() < 0.2:
        frozen = (int(rng.integers(tasks)),)
        low[frozen[0]] = high[frozen[0]] = part * 10 ** rng.uniform(-4, 0)
    rows = tuple(_row(rng, tasks, part) for _ in range(rng.integers(1, 4))) if limited else ()
    bare = Stated(law, theta, scale, budget, weight, low, high, frozen, rows, objective, *np.full((2, tasks), np.nan))
    target = bare.value(np.maximum(part * 10 ** rng.uniform(-2, 1, tasks), bare.smallest * 1.01))
    can_go = not limited and objective in ("mean", "targets") and tasks <= 6 and rng.random() < 0.5
    unserved = theta[:, 0] + 10 ** rng.uniform(-1, 2, tasks) if can_go else np.full(tasks, np.nan)
    total = np.inf if objective == "cheapest" and rng.random() < 0.5 else budget
    return Stated(law, theta, scale, total, weight, low, high, frozen, rows, objective, target, unserved)


def _row(rng: np.random.Generator, tasks: int, part: float) -> tuple[np.ndarray, float, float]:
    """A limit: a group's sum, a ratio (right side 0), or mixed signs; in coefficients of any size."""
    kind = rng.choice(["group", "ratio", "mixed", "equal"])
    coefficient = np.zeros(tasks)
    some = rng.permutation(tasks)[: rng.integers(1, tasks + 1)]
    size = 10 ** rng.uniform(-6, 6)
    right = part * 10 ** rng.uniform(-9, 0.5)
    if kind == "group" or tasks == 1:
        coefficient[some] = 1.0
        ends = [(-np.inf, len(some) * right), (right, np.inf)][rng.integers(2)]
    elif kind == "mixed":
        coefficient[some] = rng.choice([-1.0, 1.0, 2.0], len(some))
        ends = (-np.inf, right * rng.choice([-1.0, 1.0]))
    else:
        first, second = rng.permutation(tasks)[:2]
        coefficient[first], coefficient[second] = 1.0, -(10 ** rng.uniform(-2, 2))
        ends = (0.0, 0.0) if kind == "equal" else (-np.inf, float(rng.choice([0.0, right])))
    return coefficient * size, ends[0] * size, ends[1] * size


def is_feasible(problem: Stated) -> bool:
    """Whether any plan obeys all limits, over the rationals; a task that must be served must be given something."""
    exact = [Fraction(repr(float(each))) for each in problem.low]
    must = [
        (0 if problem.optional and at not in problem.frozen else max(least, Fraction(repr(problem.smallest))))
        for at, least in enumerate(exact)
    ]
    if not problem.rows:
        over = any(
            least > Fraction(repr(float(most)))
            for least, most in zip(must, problem.high, strict=True)
            if np.isfinite(most)
        )
        return not over and (not np.isfinite(problem.budget) or sum(must) <= Fraction(repr(problem.budget)))
    something = Fraction(repr(problem.budget)) / 10**30
    unit = [[Fraction(int(i == j)) for j in range(problem.tasks)] for i in range(problem.tasks)]
    rows = [([Fraction(1)] * problem.tasks, Fraction(repr(problem.budget)))]
    for at, line in enumerate(unit):
        rows.append(([-each for each in line], -max(must[at], something)))
        if np.isfinite(problem.high[at]):
            rows.append((line, Fraction(repr(float(problem.high[at])))))
    for coefficient, least, most in problem.rows:
        numbers = [Fraction(repr(float(each))) for each in coefficient]
        if np.isfinite(most):
            rows.append((numbers, Fraction(repr(float(most)))))
        if np.isfinite(least):
            rows.append(([-each for each in numbers], -Fraction(repr(float(least)))))
    return can_be_met(rows)


def optimum(problem: Stated, start: np.ndarray | None = None) -> tuple[float, np.ndarray] | None:
    """The best objective with its spends, ``None`` where no plan was found; targets that none meets are infinite."""
    least = np.maximum(problem.low, problem.smallest)
    if problem.objective == "cheapest":
        spend = np.maximum(_spends_to(problem, problem.target), least)
        fits = (spend <= problem.high * (1 + 1e-12)).all() and spend.sum() <= problem.budget * (1 + 1e-12)
        return (float(spend.sum()), spend) if fits and np.isfinite(spend).all() else None
    if problem.objective == "targets":
        return _most_targets(problem, least)
    if problem.rows:
        return _with_rows(problem, least, start)
    if problem.objective == "worst":
        return _levelled(problem, least)
    if not problem.optional:
        return _filled(problem, least, np.ones(problem.tasks, dtype=bool))
    found = [
        plan
        for chosen in itertools.product([False, True], repeat=problem.tasks)
        if all(chosen[at] for at in problem.frozen) and (plan := _filled(problem, least, np.array(chosen))) is not None
    ]
    return min(found, key=lambda plan: plan[0], default=None)


def _spends_to(problem: Stated, level: np.ndarray) -> np.ndarray:
    """(T,) least spends at which values are at a level, by bisection; infinite where none is."""
    low = np.full(problem.tasks, np.log(problem.smallest) if problem.smallest else np.log(problem.scale) - 200)
    high = np.full(problem.tasks, np.log(problem.scale) + 200)
    never = problem.value(np.exp(high)) > level
    for _ in range(200):
        middle = 0.5 * (low + high)
        enough = problem.value(np.exp(middle)) <= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(never, np.inf, np.exp(high))


def _filled(problem: Stated, least: np.ndarray, chosen: np.ndarray) -> tuple[float, np.ndarray] | None:
    """The best split over the chosen tasks: one price of the budget, found by bisection."""
    most = np.minimum(problem.high, problem.budget)
    low = np.where(chosen, least, 0.0)
    if low.sum() > problem.budget * (1 + 1e-12) or (low > most * (1 + 1e-12)).any():
        return None
    first = np.maximum(low, 1e-40 * problem.budget)

    def at(log_price: float) -> np.ndarray:
        """Where the fall of a task's value for a relative unit of spend is the price of that spend."""
        left, right = np.log(first), np.log(np.maximum(most, first))
        for _ in range(80):
            middle = 0.5 * (left + right)
            step = 1e-6
            fall = problem.value(np.exp(middle - step)) - problem.value(np.exp(middle + step))
            with np.errstate(divide="ignore"):
                worth = np.log(problem.share * np.maximum(fall, 0) / (2 * step)) - middle
            left, right = np.where(worth > log_price, middle, left), np.where(worth > log_price, right, middle)
        return np.where(chosen, np.exp(0.5 * (left + right)), 0.0)

    cheap, dear = -200.0 - np.log(problem.budget), 400.0 - np.log(problem.budget)
    for _ in range(80):
        middle = 0.5 * (cheap + dear)
        cheap, dear = (middle, dear) if at(middle).sum() > problem.budget else (cheap, middle)
    spend = at(dear)
    return problem.objective_of(spend), spend


def _levelled(problem: Stated, least: np.ndarray) -> tuple[float, np.ndarray] | None:
    """The best worst task: bisection on its level."""
    most = np.minimum(problem.high, problem.budget)
    if least.sum() > problem.budget * (1 + 1e-12) or (least > most * (1 + 1e-12)).any():
        return None
    under, over = float(problem.value(np.maximum(most, 1e-300)).max()), 1e300
    best = None
    for _ in range(2000):
        level = under if best is None and over == 1e300 else 0.5 * (under + over)
        spend = np.maximum(_spends_to(problem, np.full(problem.tasks, level)), least)
        if (spend <= most * (1 + 1e-9)).all() and spend.sum() <= problem.budget * (1 + 1e-12):
            best, over = np.minimum(spend, most), level
            if level == under:
                break
        else:
            under = level
        if over < 1e300 and over - under <= 1e-13 * abs(over):
            break
        if over == 1e300:
            over = 1e300 if under == 0 else max(10 * abs(under), 1e-6)
            spend = np.maximum(_spends_to(problem, np.full(problem.tasks, over)), least)
            if not ((spend <= most * (1 + 1e-9)).all() and spend.sum() <= problem.budget * (1 + 1e-12)):
                under, over = over, 1e300
            else:
                best = np.minimum(spend, most)
    return None if best is None else (float(problem.value(best).max()), best)


def _most_targets(problem: Stated, least: np.ndarray) -> tuple[float, np.ndarray] | None:
    """The targets of most weight, by trying every set of them."""
    needed = np.maximum(_spends_to(problem, problem.target), least)
    best = None
    for chosen in itertools.product([False, True], repeat=problem.tasks):
        met = np.array(chosen)
        must = np.isin(np.arange(problem.tasks), problem.frozen) | (not problem.optional)
        spend = np.where(met, needed, np.where(must, least, 0.0))
        if (spend <= problem.high * (1 + 1e-12)).all() and spend.sum() <= problem.budget * (1 + 1e-12):
            weight = -float(problem.weight @ met)
            best = (weight, spend) if best is None or weight < best[0] else best
    return best


def _with_rows(problem: Stated, least: np.ndarray, start: np.ndarray | None) -> tuple[float, np.ndarray] | None:
    """SLSQP over logarithms of the spends from several starts; only what breaks no limit counts."""
    rng = np.random.default_rng(0)
    part = np.full(problem.tasks, problem.budget / problem.tasks)
    first = np.clip(part, np.maximum(least, 1e-25 * problem.budget), np.minimum(problem.high, problem.budget))
    starts = [first, *(first * np.exp(rng.normal(scale=2, size=problem.tasks)) for _ in range(4))]
    starts += [] if start is None else [start, *(start * np.exp(rng.normal(scale=0.1, size=(2, problem.tasks))))]
    ends = [
        (np.log(max(low, 1e-28 * problem.budget)), np.log(high))
        for low, high in zip(least, np.minimum(problem.high, problem.budget), strict=True)
    ]

    def slack(z: np.ndarray) -> np.ndarray:
        spend = np.exp(z)
        lines = [1 - spend.sum() / problem.budget]
        for coefficient, low, high in problem.rows:
            used = coefficient * spend
            size = np.abs(used).max() + 1e-300
            lines += [(end - used.sum()) * sign / size for end, sign in ((high, 1), (low, -1)) if np.isfinite(end)]
        return np.array(lines)

    def log_goal(z: np.ndarray) -> float:
        return float(np.log(max(problem.objective_of(np.exp(z)) - problem.floors, 1e-300)))

    best = None
    for each in starts:
        z = np.clip(np.log(np.maximum(each, 1e-300)), *np.transpose(ends))
        with np.errstate(all="ignore"):
            found = minimize(
                log_goal, z, method="SLSQP", bounds=ends, constraints={"type": "ineq", "fun": slack},
                options={"maxiter": 300, "ftol": 1e-12},
            )  # fmt: skip
        for point in (found.x, z):
            spend = np.exp(point)
            if np.isfinite(spend).all() and problem.broken(spend) <= 1e-9:
                value = problem.objective_of(spend)
                best = (value, spend) if best is None or value < best[0] else best
    return best
