"""Prints how well a strategy and its plan are chosen after new runs, when ``budget next`` chooses these and otherwise.

Each replication has a few tasks of known laws, served by specialists or by one model whose laws are others, scaled so
that the logarithm of the ratio of their best plans' true reducible losses is normal about 0 (``--apart``). The curves
of both are fitted to few runs, new runs of either are chosen for a given spend by each rule among the same candidates
and measured, the curves are fitted again, both are planned, and the strategy is taken whose plan looks better. The
figure is the true regret of that decision, its weighted mean loss under the true laws minus that of the better best
plan, in thousandths of the latter's reducible loss; and how often the strategy taken is the truly better one. ``next,
one strategy`` values runs for the plan of the strategy that looks better first, as if it were decided.

Usage: python benchmarks/next_strategies.py [--replications 60] [--tasks 4] [--runs 12] [--shared-runs 12]
       [--draws 200] [--ahead 100] [--share 1.0] [--count 6] [--apart 0.3]
"""

import argparse
import time
from dataclasses import dataclass, replace

import figures
import numpy as np
import pandas as pd
from next_runs import drawn, frame_of, known, simulated, true_value, worth_of
from scipy.optimize import minimize_scalar

from budget.curves.curves import Curves
from budget.curves.fitting.fit import fit_curves
from budget.process_settings import prepare_to_fit
from budget.studies.next_runs.next_runs import NextRuns, next_runs
from budget.studies.next_runs.rival_strategies import Strategy, compete, pooled
from budget.tables.tasks import TaskSettings, default_tasks

LAW = "chinchilla"
STRATEGIES = ("specialists", "generalist")
RULES = ("no new runs", "next", "next, one strategy", "random", "largest")


@dataclass(frozen=True)
class Case:
    """One replication.

    Attributes:
        number: of the replication.
        tasks: T tasks and their weights.
        noise: (T,) of the runs.
        budget: that is planned.
        spend: for new runs.
        truth: strategy → (T, P) true parameters.
        curves: strategy → curves of the first runs.
    """

    number: int
    tasks: TaskSettings
    noise: np.ndarray
    budget: float
    spend: float
    truth: dict[str, np.ndarray]
    curves: dict[str, Curves]

    def reducible(self, value: float) -> float:
        """A weighted mean loss without the floors, which both strategies share."""
        return value - float(self.tasks.weight / self.tasks.weight.sum() @ self.truth[STRATEGIES[0]][:, 0])

    def best(self) -> np.ndarray:
        """What the true best plans of the strategies are worth."""
        return np.array([self.worth(known(LAW, self.curves[name], self.truth[name]), name)[1] for name in STRATEGIES])

    def worth(self, curves: Curves, name: str) -> tuple[float, float]:
        """What a plan of curves is worth by these and in truth."""
        return worth_of(LAW, curves, self.tasks, self.budget, self.truth[name])

    def rival(self, shape: np.ndarray, apart: float) -> np.ndarray:
        """True parameters (T, P) of one model whose best plan leaves a given multiple of the specialists' loss."""
        truth = shape.copy()
        truth[:, 0] = self.truth[STRATEGIES[0]][:, 0]
        weight = self.tasks.weight / self.tasks.weight.sum()

        def value(log_n: float) -> float:
            inputs = np.array([np.exp(log_n), self.budget / 6 / np.exp(log_n)])
            return float(weight @ true_value(LAW, truth, inputs))

        mine = self.reducible(minimize_scalar(value, bounds=(np.log(1e6), np.log(1e14)), method="bounded").fun)
        specialists = self.worth(known(LAW, self.curves[STRATEGIES[0]], self.truth[STRATEGIES[0]]), STRATEGIES[0])[1]
        truth[:, [1, 3]] *= self.reducible(specialists) * np.exp(apart) / mine
        return truth


def measured(case: Case, strategies: list[Strategy], batch: list[tuple[int, int]], seed: int) -> list[pd.DataFrame]:
    """Rows of new runs, given by their strategy and candidate, for each strategy."""
    rows: list[list[pd.DataFrame]] = [[], []]
    for place, (at, candidate) in enumerate(batch):
        runs, group = strategies[at].runs, strategies[at].groups[strategies[at].runs.group[candidate]]
        fresh = np.random.default_rng([seed, case.number, place]).normal(size=len(group))
        inputs = np.repeat(runs.inputs[[candidate]], len(group), axis=0)
        value = true_value(LAW, case.truth[STRATEGIES[at]][group], inputs) * np.exp(case.noise[group] * fresh)
        names = np.array(case.tasks.names)[group]
        rows[at].append(frame_of(LAW, names, inputs, value).assign(run=f"{case.number}/new {place}/{names[0]}"))
    return [pd.concat(each, ignore_index=True) if each else pd.DataFrame() for each in rows]


def batch_of(rule: str, case: Case, strategies: list[Strategy], count: int) -> tuple[list, NextRuns | None]:
    """Which candidates a rule measures, as (strategy, candidate) pairs, and the study where there is one."""
    runs = pooled(strategies)
    place = [(at, candidate) for at, each in enumerate(strategies) for candidate in range(len(each.runs.cost))]
    if rule == "no new runs":
        return [], None
    if rule == "next":
        study = next_runs(case.curves, case.tasks, case.budget, case.spend, count=count, seed=case.number)
        return [place[run] for run in study.batch], study
    if rule == "next, one strategy":
        seen = [each.planner.today(len(each.curves.draws)).mean() for each in strategies]
        at = int(np.argmin(seen))
        only = next_runs(
            case.curves[STRATEGIES[at]], case.tasks, case.budget, case.spend, count=count, seed=case.number
        )
        return [(at, run) for run in only.batch], None
    picked = drawn(runs, case.spend, count, np.random.default_rng([case.number, 7]), rule == "largest")
    return [place[run] for run in picked], None


def cases_of(options: argparse.Namespace) -> tuple[list[Case], list[pd.DataFrame]]:
    """The replications whose first curves are usable, and all first rows of each strategy."""
    shape, random = (options.replications, options.tasks), np.random.default_rng(options.seed)
    truth, noise, weight, inputs = simulated(LAW, shape, options.runs, random)
    names = np.array([[f"{r}/{t}" for t in range(shape[1])] for r in range(shape[0])])
    first = [rows_of(names, truth, noise, inputs, random)]
    alone = fit_curves(first[0], LAW, draws=options.draws)
    shapes, _, _, together = simulated(LAW, shape, options.shared_runs, random)
    together[...] = together[:, :1]  # one model's runs show all its tasks
    together[..., 1] *= shape[1]
    cost = [6 * inputs.prod(axis=-1).sum(axis=(1, 2)), 6 * together[:, 0].prod(axis=-1).sum(axis=1)]
    apart = random.normal(0, options.apart, shape[0])
    cases = []
    for r in range(shape[0]):
        curves = alone.take(np.array([alone.tasks.index(name) for name in names[r]]))
        if not curves.used.all():
            continue
        tasks = replace(default_tasks(tuple(names[r])), weight=weight[r])
        budget = options.ahead * 6 * inputs[r].prod(axis=-1).max(axis=1).sum()
        spend = options.share * float(cost[0][r] + cost[1][r])
        case = Case(r, tasks, noise[r], float(budget), spend, {STRATEGIES[0]: truth[r]}, {STRATEGIES[0]: curves})
        case.truth[STRATEGIES[1]] = shapes[r] = case.rival(shapes[r], apart[r])
        cases.append(case)
    first.append(rows_of(names, shapes, noise, together, random, shared=True))
    shared = fit_curves(first[1], LAW, draws=options.draws)
    for case in cases:
        case.curves[STRATEGIES[1]] = shared.take(np.array([shared.tasks.index(name) for name in case.tasks.names]))
    return [case for case in cases if all(curves.used.all() for curves in case.curves.values())], first


def rows_of(
    names: np.ndarray,
    truth: np.ndarray,
    noise: np.ndarray,
    inputs: np.ndarray,
    random: np.random.Generator,
    shared: bool = False,
) -> pd.DataFrame:
    """First rows of one strategy; of a shared model, those of one run have one id."""
    value = true_value(LAW, truth[:, :, None], inputs) * np.exp(noise[..., None] * random.normal(size=inputs.shape[:3]))
    count = inputs.shape[2]
    flat = np.repeat(names.ravel(), count)
    frame = frame_of(LAW, flat, inputs.reshape(-1, 2), value.ravel())
    model = [name.split("/")[0] if shared else name for name in flat]
    number = np.tile(np.arange(count), names.size)
    return frame.assign(run=[f"{each}/first {which}" for each, which in zip(model, number, strict=True)])


def decided(case: Case, curves: dict[str, Curves]) -> tuple[float, bool]:
    """True regret of the strategy whose plan looks better, per mille, and whether it is the better one."""
    best = case.best()
    looks, truly = zip(*(case.worth(curves[name], name) for name in STRATEGIES), strict=True)
    taken = int(np.argmin(looks))
    return 1e3 * (truly[taken] - best.min()) / case.reducible(best.min()), taken == int(best.argmin())


def main() -> None:
    """Simulate, choose, measure, fit, plan and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--shared-runs", type=int, default=12, help="first runs of the generalist")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--ahead", type=float, default=100.0, help="budget over the tasks' largest measured runs")
    parser.add_argument("--share", type=float, default=1.0, help="spend over the cost of the runs so far")
    parser.add_argument("--count", type=int, default=6, help="most new runs")
    parser.add_argument("--apart", type=float, default=0.3, help="standard deviation of the log ratio of true losses")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(figures.arguments())
    prepare_to_fit()
    cases, first = cases_of(options)
    rows = {rule: [[each] for each in first] for rule in RULES}
    counts, spent, expects = ({rule: [] for rule in RULES} for _ in range(3))
    for case in cases:
        strategies = list(compete(case.curves, case.tasks, case.budget, case.spend, case.number)[0])
        unit = case.reducible(case.best().min())
        for rule in RULES:
            batch, study = batch_of(rule, case, strategies, options.count)
            for kept, new in zip(rows[rule], measured(case, strategies, batch, options.seed), strict=True):
                kept.append(new)
            counts[rule].append([sum(at == which for at, _ in batch) for which in (0, 1)])
            spent[rule].append(sum(strategies[at].runs.cost[run] for at, run in batch) / case.spend)
            if study is not None:
                best_strategy = study.best_strategy
                expects[rule].append(
                    [1e3 * study.regret / unit, 1e3 * study.batch_gain / unit, best_strategy.sure, best_strategy.after]
                )
    outcomes: dict[str, np.ndarray] = {}
    for rule in RULES:
        again = [fit_curves(pd.concat(each, ignore_index=True), LAW, draws=0) for each in rows[rule]]
        at = [{name: place for place, name in enumerate(curves.tasks)} for curves in again]
        outcome = []
        for case in cases:
            curves = {
                name: fitted.take(np.array([place[task] for task in case.tasks.names]))
                for name, fitted, place in zip(STRATEGIES, again, at, strict=True)
            }
            whole = all(np.isfinite(each.parameters).all() for each in curves.values())
            outcome.append(decided(case, curves) if whole else (np.nan, np.nan))
        outcomes[rule] = np.array(outcome, dtype=float)
    told(options, outcomes, counts, spent, np.array(expects["next"]))
    print(f"{time.process_time():.0f} CPU s")


def told(options: argparse.Namespace, outcomes: dict, counts: dict, spent: dict, expects: np.ndarray) -> None:
    """The table."""
    whole = np.isfinite(np.array(list(outcomes.values()))).all(axis=(0, 2))
    number = int(whole.sum())

    def mean(values: np.ndarray) -> str:
        return f"{values.mean():7.2f} ± {values.std(ddof=1) / np.sqrt(number):4.2f}"

    print(
        f"{number} of {options.replications} replications usable, {options.tasks} tasks of {options.runs} runs and "
        f"{options.shared_runs} shared runs, budget {options.ahead:g} times the largest runs, new runs for "
        f"{options.share:g} times the cost so far, strategies {options.apart:g} apart"
    )
    print(f"{'rule':18s} specialists generalist  spent  {'regret':>14s}  {'next − rule':>14s}  {'right, %':>14s}")
    for rule in RULES:
        regret, right = outcomes[rule][whole].T
        alone, shared = np.array(counts[rule])[whole].mean(axis=0)
        differ = (outcomes["next"] - outcomes[rule])[whole, 0]
        print(
            f"{rule:18s} {alone:11.1f} {shared:10.1f}  {np.array(spent[rule])[whole].mean():5.2f}  {mean(regret)}  "
            f"{mean(differ)}  {mean(100 * right)}",
            flush=True,
        )
    fell, before = (outcomes["no new runs"] - outcomes["next"])[whole], outcomes["no new runs"][whole, 1].mean()
    regret, gain, sure, after = expects[whole].mean(axis=0)
    print(
        f"next expected a regret of {regret:.1f} (true {outcomes['no new runs'][whole, 0].mean():.1f}) to fall by "
        f"{gain:.1f} (true {mean(fell[:, 0]).strip()}), and the winner to be right in {100 * sure:.0f} % of the cases "
        f"today and {100 * after:.0f} % after the batch"
    )
    shown = (*(rule for rule in RULES if rule != "no new runs"), "no new runs")
    errors = [outcomes[rule][whole, 0].std(ddof=1) / np.sqrt(number) for rule in RULES]
    row = ("true regret of the decision, per mille", *(f"{outcomes[rule][whole, 0].mean():.0f}" for rule in shown))
    right = 100 * outcomes["next"][whole, 1].mean()
    note = (
        f"Standard errors: {figures.span(errors)}. Expected to fall by {gain:.0f} (true {fell[:, 0].mean():.0f} ± "
        f"{fell[:, 0].std(ddof=1) / np.sqrt(number):.0f}); the winner was named in {right:.0f} % of the cases "
        f"({100 * after:.0f} % predicted), before in {100 * before:.0f} % ({100 * sure:.0f} % predicted)."
    )
    figures.put("next_strategies", f"{figures.table(('', *shown), [row])}\n\n{note}")


if __name__ == "__main__":
    main()
