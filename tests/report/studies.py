"""Studies for the report's tests: curves built from known parameters in NumPy, so that nothing has to be fitted."""

from dataclasses import replace

import numpy as np

from budget.allocation.spec.plan_question import PlanQuestion
from budget.curves.cost_law import fit_cost
from budget.curves.curves import Curves
from budget.curves.laws.table import LAWS, law_inputs
from budget.studies.make_plan import Study, make_plan
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.tables.checks.quality import check
from budget.tables.runs import Runs
from budget.tables.tasks import default_tasks

LONG = "loss_paloma_dolma_100_programing_languages"


def make_study(
    names: tuple[str, ...] = ("prose", "code", LONG),
    *,
    law: str = "chinchilla",
    higher_is_better: bool = False,
    shared: bool = False,
    broken: tuple[str, ...] = (),
    draws: int = 12,
    budget: float | None = None,
    unit: str | None = None,
    params: float | None = None,
    strategy: str | None = None,
    target: float = float("nan"),
    together: tuple[str, ...] = (),
    weights: tuple[float, ...] = (),
    **stated: tuple[float, ...],
) -> Study:
    """A study of tasks with known curves; tasks in ``broken`` have no trend and are left out.

    Tasks ``together`` were measured in one model, too, which is better than theirs. ``stated`` holds further columns of
    the tasks file, one number for each of ``names``.
    """
    runs = _runs((*names, *broken), len(broken), law, higher_is_better, shared)
    form = LAWS[law]
    inputs = law_inputs(runs, form)
    curves = _curves(runs, law, inputs, len(names), draws)
    task_settings = default_tasks(runs.tasks)
    task_settings = replace(
        task_settings,
        weight=np.array((*weights, *np.ones(len(runs.tasks) - len(weights)))),
        target=np.full(len(runs.tasks), target),
        **{name: np.array((*cells, *np.full(len(broken), np.nan))) for name, cells in stated.items()},
    )
    findings = check(runs, inputs, len(form.parameters), task_settings.best)
    if budget is None:
        budget = 3.0 * float(max(curves.largest[unit or ("flops" if len(inputs) == 2 else inputs[0])]))
    compared = (with_a_shared_model(curves, together), task_settings) if together else None
    return make_plan(
        runs, findings, curves, task_settings, budget,
        question=PlanQuestion(unit=unit, strategy=strategy, params=params), compared=compared,
        input_files={"runs": {"name": "runs.csv", "sha256": "ab" * 32}},
    )  # fmt: skip


def with_a_shared_model(curves: Curves, together: tuple[str, ...]) -> FittedStrategies:
    """The specialists, and a model of some tasks whose distances are a fifth smaller at every scale."""
    form, pick = curves.form, np.array([curves.tasks.index(name) for name in together])
    smaller = np.array([0.8 if p.kind == "floor" else 1.0 for p in form.parameters])
    lower = np.array([np.log(0.8) if p.kind == "coefficient" else 0.0 for p in form.parameters])
    some = curves.take(pick)
    shared = replace(
        some,
        parameters=some.parameters * smaller + lower,
        draws=some.draws * smaller + lower,
        shared=np.ones(len(pick), dtype=bool),
        group=np.zeros(len(pick), dtype=int),
    )
    alone = curves.take(np.flatnonzero(curves.used))
    return FittedStrategies(StrategyCurves(SPECIALISTS, alone), (StrategyCurves("generalist", shared),))


def _theta(law: str, tasks: int) -> np.ndarray:
    """Working parameters (T, P) of distances between about 0.1 and 0.9."""
    step = np.arange(tasks)
    floor = 0.10 + 0.02 * (step % 5)
    terms = [(np.log(0.15 + 0.01 * (step % 7)), 0.25 + 0.02 * (step % 4)) for _ in LAWS[law].inputs]
    return np.column_stack([floor, *(column for term in terms for column in term)])


def _grid(law: str) -> dict[str, np.ndarray]:
    if law == "power":
        return {"x": np.geomspace(1e2, 1e5, 12)}
    params, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e6, 1e8, 4), np.geomspace(1e7, 1e9, 4)))
    return {"params": params, "tokens": tokens, "flops": 6.5 * params**0.98 * tokens}


def _reference(scale: dict[str, np.ndarray], inputs: tuple[str, ...]) -> np.ndarray:
    return np.exp([np.log(scale[name]).mean() for name in inputs])


def _runs(tasks: tuple[str, ...], broken: int, law: str, higher: bool, shared: bool) -> Runs:
    scale = _grid(law)
    inputs = tuple(scale)[: len(LAWS[law].inputs)]
    points = len(scale[inputs[0]])
    log_inputs = np.log(np.column_stack([scale[name] for name in inputs])) - np.log(_reference(scale, inputs))
    random = np.random.default_rng(1)
    value = LAWS[law].value(_theta(law, len(tasks))[:, None, :], log_inputs[None])
    value = value * np.exp(0.01 * random.normal(size=value.shape))
    if broken:
        value[-broken:] = 0.7 + 0.01 * np.where(np.arange(points) % 2, 1.0, -1.0)
    rows = len(tasks) * points
    run = np.tile(np.arange(points), len(tasks)) if shared else np.arange(rows)
    return Runs(
        source="runs.csv",
        tasks=tasks,
        metric=("accuracy" if higher else "nats",) * len(tasks),
        higher_is_better=np.full(len(tasks), higher),
        task=np.repeat(np.arange(len(tasks)), points),
        run=run,
        run_names=tuple(f"run {position}" for position in range(run.max() + 1)),
        value=(1 - value if higher else value).ravel(),
        stderr=np.full(rows, 0.002),
        weight=np.ones(rows),
        scale={name: np.tile(values, len(tasks)) for name, values in scale.items()},
        row=np.arange(2, rows + 2),
    )


def _curves(runs: Runs, law: str, inputs: tuple[str, ...], used: int, draws: int) -> Curves:
    tasks = len(runs.tasks)
    theta = _theta(law, tasks)
    theta[used:] = np.nan
    random = np.random.default_rng(2)
    spread = 0.05 * random.normal(size=(draws, *theta.shape))
    found = (("ok", ""),) * used + (("no_signal", "no trend with scale can be told from noise"),) * (tasks - used)
    return Curves(
        law=law,
        scale_columns=inputs,
        tasks=runs.tasks,
        metric=runs.metric,
        higher_is_better=runs.higher_is_better,
        ceiling=np.where(runs.higher_is_better, 1.0, np.nan),
        best=np.full(len(runs.tasks), np.nan),
        unserved=np.full(len(runs.tasks), np.nan),
        status=tuple(code for code, _ in found),
        message=tuple(text for _, text in found),
        findings=tuple(() if code == "ok" else ((code, text),) for code, text in found),
        bounds=((),) * tasks,
        outliers=((),) * tasks,
        parameters=theta,
        draws=theta * (1 + spread),
        noise=0.01 * random.normal(size=spread.shape[:2]),
        residual="log",
        pooled=np.zeros(tasks, dtype=bool),
        reference=np.tile(_reference(_grid(law), inputs), (tasks, 1)),
        runs=np.full(tasks, len(_grid(law)[inputs[0]])),
        objective=np.where(np.arange(tasks) < used, 0.01, np.nan),
        error=np.where(np.arange(tasks) < used, 0.01, np.nan),
        agreement=np.where(np.arange(tasks) < used, 1.0, np.nan),
        gradient=np.where(np.arange(tasks) < used, 1e-9, np.nan),
        condition=np.where(np.arange(tasks) < used, 1e4, np.nan),
        smallest={name: np.full(tasks, values.min()) for name, values in runs.scale.items()},
        largest={name: np.full(tasks, values.max()) for name, values in runs.scale.items()},
        cost=fit_cost(runs),
        estimator="Huber(delta=0.001) on log residuals, summed over rows",
        seed=0,
        source="runs.csv",
        shared_models=runs.shared_models,
        shared=runs.shared_tasks(),
        group=runs.groups(),
        strategy=runs.strategy,
    )
