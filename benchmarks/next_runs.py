"""Prints what new runs bring to a plan when ``budget next`` chooses them, and when they are chosen at random.

Each replication has a few tasks of known laws, measured by few runs with noise of different sizes. The curves are
fitted, new runs are chosen for a given spend by each rule among the same affordable candidates and measured, the
curves are fitted again, and the budget is planned. The figure is the true regret of that plan, its weighted mean loss
under the true laws minus that of the best plan, in thousandths of the best plan's reducible loss. All rules see the
same first runs.

Usage: python benchmarks/next_runs.py [--replications 60] [--tasks 5] [--runs 12] [--law chinchilla power] [--draws 200]
       [--ahead 300] [--share 1.0] [--count 6] [--write]
"""

import argparse
import time
from dataclasses import replace

import figures
import numpy as np
import pandas as pd

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.process_settings import prepare_to_fit
from budget.studies.next_runs.next_runs import next_runs
from budget.studies.next_runs.run_grid import Runs, affordable, groups_of
from budget.tables.tasks import TaskSettings, default_tasks

CENTRE = {"chinchilla": (1.7e8, 5e9), "power": (6 * 1.7e8 * 5e9,)}
INPUTS = {"chinchilla": ("params", "tokens"), "power": ("flops",)}
RULES = ("no new runs", "next", "random", "largest")
SHOWN = ("next", "random", "largest", "no new runs")
"""The rules in the order of the table."""


def true_value(law: str, truth: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """``E + Σ (scale/centre)^-exponent·size`` of parameters (…, P) at inputs (…, I)."""
    total = truth[..., 0].copy()
    for which, centre in enumerate(CENTRE[law]):
        total = total + truth[..., 1 + 2 * which] * (inputs[..., which] / centre) ** -truth[..., 2 + 2 * which]
    return total


def simulated(law: str, shape: tuple[int, int], count: int, random: np.random.Generator) -> tuple:
    """True parameters (replications, tasks, P), noise and weights (replications, tasks), and the runs' inputs."""
    parts = [random.uniform(0.5, 2, shape)]
    for _ in CENTRE[law]:
        low, high = (0.2, 0.5) if law == "chinchilla" else (0.1, 0.25)
        parts += [random.uniform(0.2, 1, shape), random.uniform(low, high, shape)]
    noise = np.exp(random.uniform(np.log(0.003), np.log(0.03), shape))
    weight = np.exp(random.normal(0, 0.7, shape))
    log_n, log_d = random.uniform(7, 9, (*shape, count)), random.uniform(8.5, 10.5, (*shape, count))
    params, tokens = 10**log_n, 10**log_d
    inputs = np.stack([params, tokens], axis=-1) if law == "chinchilla" else (6 * params * tokens)[..., None]
    return np.stack(parts, axis=-1), noise, weight, inputs


def frame_of(law: str, names: np.ndarray, inputs: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    """Rows of runs; every replication has a metric of its own, so that none is pooled with another."""
    frame = pd.DataFrame({"task": names, "metric": [name.split("/")[0] for name in names], "value": value})
    frame[list(INPUTS[law])] = inputs
    if law == "chinchilla":
        frame["flops"] = 6 * frame["params"] * frame["tokens"]
    return frame


def chosen(rule: str, curves: Curves, tasks: TaskSettings, budget: float, spend: float, count: int, seed: int) -> tuple:
    """Candidates, the positions of those that a rule measures, and the regret and gain that it expects."""
    if rule == "next":
        study = next_runs(curves, tasks, budget, spend, count=count, seed=seed)
        return study.runs, study.batch, (study.regret, study.batch_gain)
    runs = affordable(curves, tasks, groups_of(curves), spend)
    if rule == "no new runs":
        return runs, (), ()
    return runs, drawn(runs, spend, count, np.random.default_rng([seed, 7]), rule == "largest"), ()


def drawn(runs: Runs, spend: float, count: int, random: np.random.Generator, largest: bool) -> tuple[int, ...]:
    """Random affordable candidates until the spend or the count is used up; or of random tasks the largest.

    Of those that cost the same, the largest is the one of the middle size, near the efficient frontier.
    """
    batch: list[int] = []
    while len(batch) < count:
        fits = np.flatnonzero(runs.cost <= spend)
        if len(fits) == 0:
            break
        if largest:
            mine = fits[runs.group[fits] == random.choice(np.unique(runs.group[fits]))]
            dearest = mine[runs.cost[mine] >= 0.95 * runs.cost[mine].max()]
            pick = int(dearest[np.argsort(runs.inputs[dearest, 0])[len(dearest) // 2]])
        else:
            pick = int(random.choice(fits))
        batch.append(pick)
        spend -= runs.cost[pick]
    return tuple(batch)


def true_regret(law: str, curves: Curves, tasks: TaskSettings, budget: float, truth: np.ndarray) -> tuple[float, float]:
    """True regret of the plan of fitted curves, and the best plan's reducible loss."""
    best = worth_of(law, known(law, curves, truth), tasks, budget, truth)[1]
    weight = tasks.weight / tasks.weight.sum()
    return worth_of(law, curves, tasks, budget, truth)[1] - best, best - float(weight @ truth[:, 0])


def worth_of(law: str, curves: Curves, tasks: TaskSettings, budget: float, truth: np.ndarray) -> tuple[float, float]:
    """What the plan of curves is worth by these curves, and in truth."""
    plan = allocate(curves, plan_spec(curves, tasks, budget), draws=False)
    inputs = np.stack([plan.params, plan.tokens] if law == "chinchilla" else [plan.spend], axis=-1)
    weight = plan.spec.weight
    return float(weight @ plan.predicted), float(weight @ true_value(law, truth, inputs))


def known(law: str, curves: Curves, truth: np.ndarray) -> Curves:
    """The curves with the true parameters."""
    natural = truth.copy()
    for which, centre in enumerate(CENTRE[law]):
        natural[:, 1 + 2 * which] *= centre ** truth[:, 2 + 2 * which]
    return replace(curves, parameters=curves.form.working(natural, curves.reference))


def main() -> None:
    """Simulate, choose, measure, fit, plan and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--law", nargs="+", default=["chinchilla", "power"])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--ahead", type=float, default=300.0, help="budget over the tasks' largest measured runs")
    parser.add_argument("--share", type=float, default=1.0, help="spend over the cost of the runs so far")
    parser.add_argument("--count", type=int, default=6, help="most new runs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(figures.arguments())
    prepare_to_fit()
    rows, errors = [], []
    for law in options.law:
        row, error = study(law, options)
        rows.append(row)
        errors.append(f"{error} ({law})")
        print(f"{time.process_time():.0f} CPU s so far", flush=True)
    head = ("true regret of the plan, per mille", *SHOWN, "fall that next expected", "true fall")
    figures.put("next_runs", f"{figures.table(head, rows)}\n\nStandard errors: {', '.join(errors)}.")


def study(law: str, options: argparse.Namespace) -> tuple[tuple[str, ...], str]:
    """One law's table; its row of the figures and the range of the standard errors."""
    shape = (options.replications, options.tasks)
    random = np.random.default_rng(options.seed)
    truth, noise, weight, inputs = simulated(law, shape, options.runs, random)
    names = np.array([[f"{r}/{t}" for t in range(shape[1])] for r in range(shape[0])])
    value = true_value(law, truth[:, :, None], inputs) * np.exp(noise[..., None] * random.normal(size=inputs.shape[:3]))
    first = frame_of(law, np.repeat(names.ravel(), options.runs), inputs.reshape(-1, inputs.shape[-1]), value.ravel())
    cost = 6 * inputs.prod(axis=-1) if law == "chinchilla" else inputs[..., 0]
    how = {"scale": "flops" if law == "power" else None}
    fitted = fit_curves(first, law, draws=options.draws, **how)
    at = {name: place for place, name in enumerate(fitted.tasks)}
    rows: dict[str, list[pd.DataFrame]] = {rule: [first] for rule in RULES}
    tried, expected = np.zeros(shape[0], dtype=bool), np.full((shape[0], 2), np.nan)
    counts, spent = ({rule: np.zeros(shape[0]) for rule in RULES} for _ in range(2))
    for r in range(shape[0]):
        place = np.array([at[name] for name in names[r]])
        if not fitted.used[place].all():
            continue
        tried[r] = True
        curves, tasks = fitted.take(place), replace(default_tasks(tuple(names[r])), weight=weight[r])
        budget, spend = options.ahead * cost[r].max(axis=1).sum(), options.share * cost[r].sum()
        for rule in RULES:
            runs, batch, expects = chosen(rule, curves, tasks, budget, spend, options.count, r)
            pick = list(batch)
            if expects:
                expected[r] = expects
            if not pick:
                continue
            task = runs.group[pick]
            fresh = np.random.default_rng([options.seed, r, 9]).normal(size=len(pick))
            new = true_value(law, truth[r, task], runs.inputs[pick]) * np.exp(noise[r, task] * fresh)
            rows[rule].append(frame_of(law, names[r, task], runs.inputs[pick], new))
            counts[rule][r] = len(pick)
            spent[rule][r] = runs.cost[pick].sum() / spend
    regrets = {rule: np.full(shape[0], np.nan) for rule in RULES}
    for rule in RULES:
        again = fit_curves(pd.concat(rows[rule], ignore_index=True), law, draws=0, **how)
        at = {name: place for place, name in enumerate(again.tasks)}
        for r in range(shape[0]):
            place = np.array([at[name] for name in names[r]])
            if not tried[r] or not np.isfinite(again.parameters[place]).all():
                continue
            tasks = replace(default_tasks(tuple(names[r])), weight=weight[r])
            budget = options.ahead * cost[r].max(axis=1).sum()
            regret, unit = true_regret(law, again.take(place), tasks, budget, truth[r])
            regrets[rule][r] = 1e3 * regret / unit
            if rule == "next":
                expected[r] *= 1e3 / unit
    whole = np.isfinite(np.array(list(regrets.values()))).all(axis=0)
    number = int(whole.sum())
    print(
        f"{law}: {number} of {shape[0]} replications usable, {shape[1]} tasks of {options.runs} runs, budget "
        f"{options.ahead:g} times the largest runs, new runs for {options.share:g} times the cost so far"
    )
    print(f"{'rule':12s} runs  spent  {'mean regret':>14s}  {'median':>7s}  {'next minus rule':>16s}")
    for rule in RULES:
        mine, differ = regrets[rule][whole], (regrets["next"] - regrets[rule])[whole]
        size, share = counts[rule][whole].mean(), spent[rule][whole].mean()
        error, of_difference = (each.std(ddof=1) / np.sqrt(number) for each in (mine, differ))
        print(
            f"{rule:12s} {size:4.1f}  {share:5.2f}  {mine.mean():7.2f} ± {error:4.2f}  "
            f"{np.median(mine):7.2f}  {differ.mean():8.2f} ± {of_difference:4.2f}",
            flush=True,
        )
    today, fell = regrets["no new runs"][whole].mean(), (regrets["no new runs"] - regrets["next"])[whole]
    print(
        f"next expected a regret of {expected[whole, 0].mean():.2f} (true {today:.2f}) to "
        f"fall by {expected[whole, 1].mean():.2f} (true {fell.mean():.2f} ± {fell.std(ddof=1) / np.sqrt(number):.2f})"
    )
    errors = [regrets[rule][whole].std(ddof=1) / np.sqrt(number) for rule in RULES]
    found = [f"{regrets[rule][whole].mean():.2g}" for rule in SHOWN]
    true_fall = f"{fell.mean():.2g} ± {fell.std(ddof=1) / np.sqrt(number):.2g}"
    return (law, *found, f"{expected[whole, 1].mean():.2g}", true_fall), figures.span(errors)


if __name__ == "__main__":
    main()
