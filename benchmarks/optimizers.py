"""Prints how optimizers compare on the same batched fits: one objective, one box, the same starts.

The objective is the package's: Huber of log residuals summed over rows, law chinchilla, float64. Every method may stop
by its own tolerance; all are judged by the same objective afterwards. Optimistix is used where it is installed.

Usage: python benchmarks/optimizers.py RUNS.csv [method ...] [--write]
       RUNS.csv with columns N, D and loss, all of one task, such as the runs digitised from the Chinchilla figure
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any
from unittest import mock

import figures
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from coverage import simulated
from jax import Array

from budget.curves.fitting import batching as lanes
from budget.curves.fitting import search, solver
from budget.curves.fitting.batch import Batch, make_batch
from budget.curves.fitting.batching import choose_devices
from budget.curves.fitting.bootstrap import resampler
from budget.curves.fitting.constraints import Constraints
from budget.curves.fitting.loss import HUBER_DELTA, make_loss, penalty
from budget.curves.fitting.search import PASS_STEP_LIMITS, SAME_LOSS_TOLERANCE, Estimator, with_noise
from budget.curves.fitting.solver import MAX_IDLE_STEPS, Prior, SolverState
from budget.curves.fitting.starts import best_starts
from budget.curves.laws.table import LAWS
from budget.tables.runs import Runs, read_runs

try:
    import optimistix
except ImportError:
    optimistix = None

LAW = LAWS["chinchilla"]
ESTIMATOR = Estimator(LAW, make_loss("huber"), Constraints(), choose_devices("cpu"))
QUANTILE = ESTIMATOR.loss.quantile
MOST = 500
"""Steps that a method of another library may take."""
PIECE = 64
"""Fits in one call of their programs: a vmapped loop runs until its slowest lane is done."""
LEAST_FLOOR = 1e-2
"""Share of the median value at which a floor of 0 starts where it is mapped by softplus."""
GRID = {
    "e": np.arange(-1.0, 1.1, 0.5),
    "a": np.arange(0.0, 26.0, 5.0),
    "alpha": np.arange(0.0, 2.1, 0.5),
    "b": np.arange(0.0, 26.0, 5.0),
    "beta": np.arange(0.0, 2.1, 0.5),
}
"""Starts of Hoffmann et al. 2022, appendix D.3: logarithms of E, A and B, and the exponents."""


@dataclass(frozen=True)
class Problem:
    """L fits.

    Attributes:
        title: what they are.
        batch: the tasks' data.
        lane: (L,) the task of each fit.
        value: (L, R) its values.
        start: (L, P).
        scale: (L,) loss of the task's best data-driven start, by which other methods' objectives are divided: the
            objective is about 1e-3 in size, and absolute tolerances would stop early.
    """

    title: str
    batch: Batch
    lane: np.ndarray
    value: np.ndarray
    start: np.ndarray
    scale: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """Row weights (L, R)."""
        return self.batch.weight[self.lane]

    @property
    def arrays(self) -> list[np.ndarray]:
        """What a method of another library needs of each fit: z, value, weight, start, lower, upper, scale."""
        batch, lane = self.batch, self.lane
        return [
            batch.z[lane], self.value, self.weight, self.start, batch.lower[lane], batch.upper[lane], self.scale
        ]  # fmt: skip

    def loss(self, theta: np.ndarray) -> np.ndarray:
        """The objective (L,) at parameters (L, P)."""
        log_curve = np.log(LAW.value(theta[:, None, :], self.batch.z[self.lane]))
        return ESTIMATOR.loss.objective(np.log(self.value) - log_curve, self.weight)


@dataclass(frozen=True)
class Method:
    """One optimizer.

    Attributes:
        run: problem → parameters (L, P) and steps (L,).
        prepare: what is done once a shape, compilation above all.
    """

    run: Callable[[Problem], tuple[np.ndarray, np.ndarray]]
    prepare: Callable[[Problem], object]


# The package's solver, whole and in halves.


def package(problem: Problem) -> SolverState:
    """The package's search."""
    none = np.zeros_like(problem.start)
    return search.search(
        ESTIMATOR, problem.batch, problem.lane, problem.value, problem.weight, problem.start, Prior(none, none)
    )


def of_package(descend: Callable[..., SolverState]) -> Method:
    """The package's search with one of the loops in it, and with programs compiled for that loop alone."""
    compiled = cache(lanes._compiled.__wrapped__)

    def run(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
        with mock.patch.object(solver, "descend", descend), mock.patch.object(lanes, "_compiled", compiled):
            found = package(problem)
        return found.theta, found.steps

    return Method(run, run)


def one_move(which: int) -> Callable[..., SolverState]:
    """``solver.descend`` with the majorizer move (0) or the exact Newton move (1) alone."""

    def descend(
        objective: Callable[[Array], Array],
        model: Callable[[Array], tuple[Array, Any, Any]],
        solve: Callable[[Array, Array, Any, Array], Array],
        start: Array,
        lower: Array,
        upper: Array,
        *,
        exact: Array,
        damping: Array,
        most_steps: Array,
    ) -> SolverState:
        def step(search: SolverState) -> SolverState:
            gradient, *hessians = model(search.theta)
            promised = -0.5 * gradient @ solve(search.theta, gradient, hessians[0], jnp.asarray(1e-9))
            move = solve(search.theta, gradient, hessians[which], search.damping[which])
            candidate = jnp.clip(search.theta + move, lower, upper)
            loss = objective(candidate)
            better = loss < search.loss
            return SolverState(
                theta=jnp.where(better, candidate, search.theta),
                loss=jnp.where(better, loss, search.loss),
                slack=promised / jnp.maximum(search.loss, exact),
                damping=jnp.clip(search.damping * jnp.where(better, 1 / 4, 8.0), 1e-10, 1e10),
                idle=jnp.where(better, 0, search.idle + 1),
                steps=search.steps + 1,
            )

        start = jnp.clip(start, lower, upper)
        begun = SolverState(start, objective(start), jnp.asarray(jnp.inf), damping, jnp.asarray(0), jnp.asarray(0))
        return jax.lax.while_loop(lambda search: ~search.over & (search.steps < most_steps), step, begun)

    return descend


# Libraries that take a batch: every fit one lane of a vmapped program.


def residual(theta: Array, z: Array, value: Array) -> Array:
    """Log residuals (R,)."""
    return jnp.log(value) - jnp.log(LAW.value(theta, z, jnp))


def bounded(u: Array) -> Array:
    """Parameters from unbounded ones: the floor by softplus, the others, whose box is wide, as they are."""
    return jnp.concatenate([jax.nn.softplus(u[:1]), u[1:]])


def unbounded(theta: Array) -> Array:
    """The inverse of ``bounded``."""
    floor = jnp.maximum(theta[:1], LEAST_FLOOR)
    return jnp.concatenate([floor + jnp.log(-jnp.expm1(-floor)), theta[1:]])


def batched(one: Callable[..., tuple[Array, Array]]) -> Method:
    """A method from the program of one lane, (objective, root residual, start) → (unbounded parameters, steps)."""

    def lane(
        z: Array, value: Array, weight: Array, start: Array, lower: Array, upper: Array, scale: Array
    ) -> tuple[Array, Array]:
        def objective(u: Array) -> Array:
            errors = residual(bounded(u), z, value)
            return jnp.sum(weight * penalty(errors, HUBER_DELTA, QUANTILE)) / scale

        def roots(u: Array) -> Array:
            """Residuals whose half squares are the objective's terms."""
            errors = residual(bounded(u), z, value)
            size = jnp.abs(errors)
            beyond = jnp.sqrt(2 * HUBER_DELTA * jnp.maximum(size, HUBER_DELTA) - HUBER_DELTA**2)
            return jnp.sqrt(weight / scale) * jnp.where(size <= HUBER_DELTA, errors, jnp.sign(errors) * beyond)

        u, steps = one(objective, roots, unbounded(start))
        return jnp.clip(bounded(u), lower, upper), steps

    program = jax.jit(jax.vmap(lane))
    compiled: dict[Any, Any] = {}

    def pieces(problem: Problem) -> Iterator[list[np.ndarray]]:
        size = min(len(problem.lane), PIECE)
        for first in range(0, len(problem.lane), size):
            pick = np.arange(first, first + size)
            yield [array[np.where(pick < len(array), pick, first)] for array in problem.arrays]

    def prepare(problem: Problem) -> None:
        arrays = next(pieces(problem))
        shape = arrays[0].shape
        if shape not in compiled:
            compiled[shape] = program.lower(*arrays).compile()

    def run(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
        ended = [jax.tree.map(np.asarray, compiled[arrays[0].shape](*arrays)) for arrays in pieces(problem)]
        theta, steps = (np.concatenate(part)[: len(problem.lane)] for part in zip(*ended, strict=True))
        return theta, steps

    return Method(run, prepare)


def of_optax(linesearch: Any) -> Method:
    """L-BFGS with a line search, until the gradient is small or nothing is gained for a while."""
    optimizer = optax.lbfgs(linesearch=linesearch)

    def one(objective: Callable[[Array], Array], roots: Callable[[Array], Array], u: Array) -> tuple[Array, Array]:
        value_and_gradient = optax.value_and_grad_from_state(objective)

        def step(carried: tuple[Any, ...]) -> tuple[Any, ...]:
            u, state, least, best, idle, steps, _ = carried
            value, gradient = value_and_gradient(u, state=state)
            updates, state = optimizer.update(gradient, state, u, value=value, grad=gradient, value_fn=objective)
            idle = jnp.where(value < least * (1 - 1e-12), 0, idle + 1)
            best = jnp.where(value < least, u, best)
            least = jnp.minimum(value, least)
            return optax.apply_updates(u, updates), state, least, best, idle, steps + 1, jnp.linalg.norm(gradient)

        def go_on(carried: tuple[Any, ...]) -> Array:
            *_, idle, steps, size = carried
            return (size > 1e-7) & (idle < MAX_IDLE_STEPS) & (steps < MOST)

        infinite = jnp.asarray(jnp.inf)
        begun = (u, optimizer.init(u), infinite, u, jnp.asarray(0), jnp.asarray(0), infinite)
        _, _, _, best, _, steps, _ = jax.lax.while_loop(go_on, step, begun)
        return best, steps

    return batched(one)


def of_optimistix(name: str) -> Method:
    """A least-squares method or a minimizer of Optimistix."""
    method = getattr(optimistix, name)(rtol=1e-11, atol=1e-11)

    def one(objective: Callable[[Array], Array], roots: Callable[[Array], Array], u: Array) -> tuple[Array, Array]:
        if name == "LevenbergMarquardt":
            found = optimistix.least_squares(lambda u, _: roots(u), method, u, max_steps=MOST, throw=False)
        else:
            found = optimistix.minimise(lambda u, _: objective(u), method, u, max_steps=MOST, throw=False)
        return found.value, found.stats["num_steps"]

    return batched(one)


# SciPy, one fit at a time, with its own treatment of the box.


def total(theta: Array, z: Array, value: Array, weight: Array, scale: Array) -> Array:
    """The scaled objective of one fit."""
    return jnp.sum(weight * penalty(residual(theta, z, value), HUBER_DELTA, QUANTILE)) / scale


_total_and_gradient = jax.jit(jax.value_and_grad(total))
_residual = jax.jit(residual)
_jacobian = jax.jit(jax.jacfwd(residual))


def of_scipy(one: Callable[..., tuple[np.ndarray, int]]) -> Method:
    """A method from (z, value, weight, start, lower, upper, scale) → (parameters, steps)."""

    def run(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
        theta, steps = zip(*(one(*each) for each in zip(*problem.arrays, strict=True)), strict=True)
        return np.array(theta), np.array(steps)

    def prepare(problem: Problem) -> None:
        one(*(array[0] for array in problem.arrays))

    return Method(run, prepare)


def l_bfgs_b(
    z: np.ndarray, value: np.ndarray, weight: np.ndarray, start: np.ndarray, lower: np.ndarray, upper: np.ndarray,
    scale: float,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """L-BFGS-B on the scaled objective."""

    def scaled(theta: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = _total_and_gradient(theta, z, value, weight, scale)
        return float(loss), np.asarray(gradient)

    found = scipy.optimize.minimize(
        scaled, start, jac=True, method="L-BFGS-B", bounds=np.stack([lower, upper], axis=1),
        options={"maxiter": MOST, "maxfun": 4 * MOST, "ftol": 1e-14, "gtol": 1e-8},
    )  # fmt: skip
    return found.x, found.nit


def least_squares(
    z: np.ndarray, value: np.ndarray, weight: np.ndarray, start: np.ndarray, lower: np.ndarray, upper: np.ndarray,
    scale: float,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """The trust-region method with SciPy's own robust weighting, the rows' weights inside its loss."""
    unit = np.sqrt(scale)

    def huber(square: np.ndarray) -> np.ndarray:
        root = np.sqrt(np.maximum(square, 1.0))
        return weight * np.stack([
            np.where(square <= 1, square, 2 * root - 1),
            1 / root,
            np.where(square <= 1, 0.0, -0.5 / root**3),
        ])  # fmt: skip

    found = scipy.optimize.least_squares(
        lambda theta: np.asarray(_residual(theta, z, value)) / unit,
        start,
        jac=lambda theta: np.asarray(_jacobian(theta, z, value)) / unit,
        bounds=(lower, upper), loss=huber, f_scale=HUBER_DELTA / unit, x_scale="jac",
        ftol=1e-12, xtol=1e-12, gtol=1e-10, max_nfev=MOST,
    )  # fmt: skip
    return found.x, found.nfev


def methods() -> dict[str, Method | None]:
    """Name → method, None where it is not installed."""
    return {
        "package: both moves": of_package(solver.descend),
        "package: majorizer alone": of_package(one_move(0)),
        "package: Newton alone": of_package(one_move(1)),
        "optax L-BFGS, zoom": of_optax(optax.scale_by_zoom_linesearch(max_linesearch_steps=20)),
        "optax L-BFGS, backtracking": of_optax(
            optax.scale_by_backtracking_linesearch(max_backtracking_steps=20, store_grad=True)
        ),
        "optimistix LM": of_optimistix("LevenbergMarquardt") if optimistix else None,
        "optimistix BFGS": of_optimistix("BFGS") if optimistix else None,
        "scipy least_squares": of_scipy(least_squares),
        "scipy L-BFGS-B": of_scipy(l_bfgs_b),
    }


# The problems.


def batch_of(runs: Runs) -> Batch:
    """All tasks of a file of losses."""
    tasks = np.arange(len(runs.tasks))
    return make_batch(runs, tasks, LAW, LAW.inputs, np.full(len(tasks), np.nan), ESTIMATOR.constraints)


def started(title: str, batch: Batch, start: np.ndarray) -> Problem:
    """Every task from S starts (T, S, P)."""
    lane = np.repeat(np.arange(len(batch)), start.shape[1])
    problem = Problem(title, batch, lane, batch.value[lane], start.reshape(len(lane), -1), np.ones(len(lane)))
    least = problem.loss(problem.start).reshape(len(batch), -1).min(axis=1)
    return replace(problem, scale=least[lane])


def projected_starts(batch: Batch) -> np.ndarray:
    """The package's own starts by variable projection: (T, S, P)."""
    return best_starts(LAW, ESTIMATOR.constraints, ESTIMATOR.loss, batch)


def grid_starts(batch: Batch, count: int) -> np.ndarray:
    """Points of the usual grid, taken at random, in the box of one task: (1, S, P)."""
    grid = np.array(list(product(*GRID.values())))
    e, a, alpha, b, beta = np.random.default_rng(0).permutation(grid)[:count].T
    theta = LAW.working(np.stack([np.exp(e), np.exp(a), alpha, np.exp(b), beta], axis=1), batch.reference[0])
    theta[:, 0] /= batch.unit[0]
    theta[:, [1, 3]] -= np.log(batch.unit[0])
    return np.clip(theta, batch.lower[0], batch.upper[0])[None]


def problems(path: str) -> list[Problem]:
    """Starts, simulated tasks and draws."""
    runs = read_runs(path, columns={"params": "N", "tokens": "D", "value": "loss"}, task="loss")
    batch = batch_of(runs)
    starts = started("8 starts by variable projection", batch, projected_starts(batch))
    grid = started("64 starts on the usual grid", batch, grid_starts(batch, 64))
    tasks = batch_of(simulated(LAW.name, 50, 40, 0.01, 0.0, seed=40)[0])
    many = started("50 simulated tasks of 40 runs, 8 such starts each", tasks, projected_starts(tasks))
    found = package(starts)
    point = found.theta[found.loss.argmin()]
    residual = np.where(batch.there, np.log(batch.value) - np.log(LAW.value(point[None, None], batch.z)), 0.0)
    noise = resampler(runs, batch, residual, np.array([len(point)]), seed=0).rows(0, 500)
    value = with_noise(ESTIMATOR, batch, point[None], noise)[:, 0]
    draws = Problem(
        "500 bootstrap draws from the point fit", batch, np.zeros(500, dtype=int), value, np.tile(point, (500, 1)),
        np.full(500, starts.scale[0]),
    )  # fmt: skip
    return [starts, grid, draws, many]


def measured(method: Method, problem: Problem) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Losses (L,), steps (L,), CPU seconds of the run and of what precedes it."""
    times = [time.process_time()]
    method.prepare(problem)
    times.append(time.process_time())
    theta, steps = method.run(problem)
    times.append(time.process_time())
    with np.errstate(all="ignore"):
        loss = np.nan_to_num(problem.loss(theta), nan=np.inf)
    return loss, steps, times[2] - times[1], times[1] - times[0]


def total_steps(method: Method, problem: Problem) -> np.ndarray:
    """Steps (L,) in all: the package counts them anew in each pass, so that they are counted in one."""
    with mock.patch.object(search, "PASS_STEP_LIMITS", (sum(PASS_STEP_LIMITS),)):
        return method.run(problem)[1]


def print_table(
    problem: Problem, results: dict[str, tuple[np.ndarray, np.ndarray, float, float]]
) -> dict[str, tuple[float, float]]:
    """One line a method; its share at the best and its CPU seconds.

    The best of a fit is the best that any method found from any start of its task.
    """
    least = np.min([loss for loss, *_ in results.values()], axis=0)
    draws = len(problem.batch) == 1 and (problem.value != problem.value[0]).any()
    if not draws:
        best = np.full(len(problem.batch), np.inf)
        np.minimum.at(best, problem.lane, least)
        least = best[problem.lane]
    print(f"\n{problem.title}" + ("" if draws or len(problem.batch) > 1 else f" (best {least[0]:.9e})"))
    print(f"{'':27} at best  missed  median excess     worst  steps  most   CPU s     once")
    found = {}
    for name, (loss, steps, seconds, compiling) in results.items():
        excess = loss / least - 1
        good = (excess <= SAME_LOSS_TOLERANCE).mean()
        found[name] = float(good), seconds
        print(
            f"{name:28}{good:8.1%}{1 - good:8.1%}{np.median(excess):15.1e}{excess.max():10.1e}"
            f"{np.median(steps):7.0f}{steps.max():6.0f}{seconds:8.2f}{compiling:9.2f}",
            flush=True,
        )
    return found


def main(path: str, chosen: Sequence[str]) -> None:
    """Measure and print."""
    print(
        f"at best: share of fits within {SAME_LOSS_TOLERANCE:g} (relative) of the best that any method found; "
        "missed: the others"
    )
    print("steps: median and most; CPU s: without what is done once, which is stated beside it")
    print("once: compilation, for the package with a first run; 0 where the program is there from an earlier table")
    available = {name: method for name, method in methods().items() if not chosen or name in chosen}
    for name in [name for name, method in available.items() if method is None]:
        print(f"{name}: not installed, left out")
    with jax.enable_x64(True):
        tables = []
        for problem in problems(path):
            results = {}
            for name, method in available.items():
                if method is None:
                    continue
                loss, steps, seconds, compiling = measured(method, problem)
                if name.startswith("package"):
                    steps = total_steps(method, problem)
                results[name] = loss, steps, seconds, compiling
            tables.append(print_table(problem, results))
    _, grid, draws, tasks = tables
    rows = [
        (name, f"{grid[name][0]:.0%}", f"{draws[name][0]:.0%}", f"{draws[name][1]:.2g}", f"{tasks[name][0]:.1%}",
         f"{tasks[name][1]:.2g}")
        for name in grid
    ]  # fmt: skip
    head = ("at the best", "64 usual grid starts", "500 draws", "CPU s", "400 simulated fits", "CPU s")
    figures.put("optimizers", figures.table(head, rows))


if __name__ == "__main__":
    if not figures.arguments():
        raise SystemExit(__doc__)
    main(figures.arguments()[0], figures.arguments()[1:])
