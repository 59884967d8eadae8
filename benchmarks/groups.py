"""Prints which published tasks help or harm each other, which groups are best, and how well pairs predict groups.

Usage: python benchmarks/groups.py DATA [--write]
       (DATA is the folder that holds standley/networks.csv and task_pairs/runs.csv)
"""

from dataclasses import replace
from pathlib import Path

import figures
import numpy as np
from scipy.stats import spearmanr

from budget.report.sentences.groups_sentences import share_sentence
from budget.studies.groups.first_order import pool_of_pairs
from budget.studies.groups.groups import Groups, group_tasks
from budget.studies.groups.measured_transfer import measured_transfer
from budget.tables.candidates import Candidates, read_candidates
from budget.tables.cotrained import Cotrained, cotrained_from_candidates, read_cotrained

SETTINGS = ("setting1_equal_budget", "setting2_large")
BUDGETS = np.arange(1, 5.1, 0.5)
WORDS = dict(zip(SETTINGS, ("equal budget", "large"), strict=True))


def vision(path: Path, setting: str, report: str = "test", full_size: bool = False) -> Candidates:
    """Every subset of five vision tasks (Standley et al. 2020), chosen on val."""
    return read_candidates(
        path,
        columns={"model": "network", "value": "loss"},
        where=[("setting", setting), *([("cost", "1")] if full_size else [])],
        select="val",
        report=report,
    )


def groups_of_vision(path: Path, setting: str) -> str:
    """Sums over five tasks on test, against specialists and the generalist."""
    found = group_tasks(vision(path, setting), BUDGETS)
    print(f"{setting}: {share_sentence(found.matrix)}")
    for each in found.portfolios:
        models = ", ".join("".join(found.pool.trained_on[model]) for model in each.models)
        print(f"  budget {each.spec.budget:g}: {5 * each.reported:.5f}, gap {each.gap:.0e} ({models})")
    for name in ("specialists", "one model for all"):
        print(f"  {name} {_total(found, name)}; groups are better from budget {found.beats_at(name)}")
    return (
        f"Standley et al. 2020, {WORDS[setting]}: {_lower(share_sentence(found.matrix))} Specialists reach "
        f"{_total(found, 'specialists')}, groups are better from budget {found.beats_at('specialists'):g}"
    )


def predictions(path: Path, setting: str) -> str:
    """Larger groups predicted from pairs, against what they measured; all on val, models of cost 1."""
    candidates = vision(path, setting, "val")
    whole = cotrained_from_candidates(candidates)
    pairs = _pairs_of(whole)
    pool = pool_of_pairs(pairs, measured_transfer(pairs))
    truth = {
        (candidates.tasks[task], whole.sets[model]): value
        for model, task, value in zip(whole.model, whole.task, whole.value, strict=True)
        if whole.cost[model] == 1
    }
    names = [tuple(candidates.tasks.index(name) for name in each) for each in pool.trained_on]
    predicted = np.flatnonzero(pool.predicted[pool.candidates.model])

    def measured(pair: int) -> float:
        return truth[pool.candidates.tasks[pool.candidates.task[pair]], names[pool.candidates.model[pair]]]

    expected, found = pool.candidates.select.value[predicted], np.array([measured(pair) for pair in predicted])
    line = (
        f"the same, {pool.predicted.sum()} larger groups predicted from pairs: "
        f"{100 * np.abs(expected / found - 1).mean():.1f} % off, rank correlation within tasks "
        f"{_within(pool.candidates, predicted, found):.2f}"
    )
    print(line)
    off = []
    chosen = group_tasks(pairs, np.arange(1, 6))
    best = group_tasks(vision(path, setting, "val", full_size=True), np.arange(1, 6))
    for mine, ideal in zip(chosen.portfolios, best.portfolios, strict=True):
        reached = sum(measured(pair) for pair in mine.chosen)
        print(
            f"  budget {mine.spec.budget:g}: promised {5 * mine.objective:.5f}, measured {reached:.5f}, "
            f"best measured {5 * ideal.objective:.5f} ({chosen.basis(mine.chosen)})"
        )
        off.append((reached / (5 * mine.objective) - 1, reached / (5 * ideal.objective) - 1))
    promised, above = zip(*off, strict=True)
    return (
        f"{line}; one model for all was promised {100 * promised[0]:.0f} % too good, the groups of budgets 1 to 5 "
        f"reach a total within {100 * max(above):.1f} % of the best measured one"
    )


def pairs_of_others(path: Path) -> list[str]:
    """Singles and pairs (Fifty et al. 2021), and the groups that they predict."""
    lines = []
    for dataset in ("celeba", "taskonomy"):
        table = read_cotrained(path, where=[("dataset", dataset)])
        found = group_tasks(table, range(1, len(table.tasks) + 1))
        lines.append(f"{dataset} (Fifty et al. 2021): {_lower(share_sentence(found.matrix)).rstrip('.')}")
        print(lines[-1])
        for each in found.portfolios:
            print(f"  budget {each.spec.budget:g}: {each.objective:.5f} ({found.basis(each.chosen)})")
        best, (budget, alone) = found.beaten_by("specialists"), found.reference("specialists") or (0, None)
        if best is not None and alone is not None:
            print(
                f"  specialists {alone.reported:.5f} (budget {budget:g}); groups are better from budget "
                f"{best.spec.budget:g} ({found.basis(best.chosen)})"
            )
    return lines


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _pairs_of(whole: Cotrained) -> Cotrained:
    """The models of cost 1 with one or two tasks."""
    keep = np.array([len(each) < 3 and cost == 1 for each, cost in zip(whole.sets, whole.cost, strict=True)])
    cells = keep[whole.model]
    return replace(
        whole,
        sets=tuple(each for each, kept in zip(whole.sets, keep, strict=True) if kept),
        cost=whole.cost[keep],
        model=(np.cumsum(keep) - 1)[whole.model[cells]],
        draws=whole.draws[:, cells],
        **{name: getattr(whole, name)[cells] for name in ("task", "value", "rows", "stderr", "degrees", "estimate")},
    )


def _within(candidates: Candidates, pairs: np.ndarray, found: np.ndarray) -> float:
    task, expected = candidates.task[pairs], candidates.select.value[pairs]
    ranks = [spearmanr(expected[task == each], found[task == each]).statistic for each in np.unique(task)]
    return float(np.mean(ranks))


def _total(found: Groups, name: str) -> str:
    reference = found.reference(name)
    return "none" if reference is None else f"{5 * reference[1].reported:.5f} (budget {reference[0]:g})"


def main() -> None:
    """Measure and put the figures."""
    data = Path(figures.arguments()[0])
    networks = data / "standley" / "networks.csv"
    lines = []
    for setting in SETTINGS:
        lines += [groups_of_vision(networks, setting), predictions(networks, setting)]
    figures.put("groups", figures.bullets([*lines, *pairs_of_others(data / "task_pairs" / "runs.csv")]))


if __name__ == "__main__":
    main()
