"""A shared model is judged by its own runs, task by task, with each task's own settings."""

import numpy as np

from budget.studies.backtest_verdict import Verdict
from budget.studies.strategies import judged_models as module
from budget.studies.strategies.judged_models import judge_model, judged_models
from budget.tables.runs import read_runs
from tests import ROOT


def test_the_runs_of_one_model_are_judged_and_no_others(monkeypatch):
    runs = read_runs(ROOT / "data" / "runs.csv")
    arm = next(each for each in runs.strategy_runs if each.strategy == "moe" and len(each.tasks) == 4)
    seen = {}

    def judge(chosen, law, **options):
        seen.update(runs=chosen, law=law, **options)
        return tuple(Verdict("PASS", name) for name in chosen.tasks)

    monkeypatch.setattr(module, "judge", judge)
    best = np.arange(len(runs.tasks), dtype=float)
    tasks = arm.tasks[::-1]
    verdicts = judge_model(runs, "moe", tasks, "power", {"best": best}, draws=7)
    assert [each.sentence for each in verdicts] == list(tasks) and (seen["law"], seen["draws"]) == ("power", 7)
    assert seen["best"].tolist() == [runs.tasks.index(name) for name in tasks]
    mine = runs.strategy_index == runs.strategy_runs.index(arm)
    for task, name in enumerate(tasks):
        rows = mine & (runs.task == runs.tasks.index(name))
        assert sorted(seen["runs"].value[seen["runs"].task == task]) == sorted(runs.value[rows]) and rows.any()


def test_verdicts_stand_beside_their_model_and_task():
    def judge(strategy, tasks):
        return tuple(Verdict("REVIEW", f"{strategy} of {name}") for name in tasks)

    found = judged_models(judge, [("moe", ("a", "b"))])
    assert [(each.task, each.verdict.sentence) for each in found] == [("a", "moe of a"), ("b", "moe of b")]
    assert found[1].record() == {"strategy": "moe", "task": "b", "verdict": "REVIEW", "found": "moe of b"}
