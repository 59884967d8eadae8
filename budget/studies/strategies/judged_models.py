"""What a backtest says of the shared models that a decision trains: a plan that shares is judged by their laws' misses.

See docs/decisions/131-backtest-verdicts.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from budget.studies.backtest_verdict import Verdict, judge
from budget.tables.runs import Runs

JudgeModel = Callable[[str, tuple[str, ...]], tuple[Verdict, ...]]
"""(strategy, tasks (M,)) → what a backtest of that shared model's own runs says of each task's curve (M,)."""


@dataclass(frozen=True)
class JudgedCurve:
    """One task's curve in a shared model.

    Attributes:
        strategy: how the model serves its tasks.
        task: of the curve.
        verdict: what the backtest says.
    """

    strategy: str
    task: str
    verdict: Verdict

    def record(self) -> dict[str, str]:
        """The verdict as JSON."""
        code, sentence = self.verdict.code, self.verdict.sentence
        return {"strategy": self.strategy, "task": self.task, "verdict": code, "found": sentence}


def judged_models(judged: JudgeModel, models: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[JudgedCurve, ...]:
    """The verdicts on the curves of some shared models, in their order."""
    return tuple(
        JudgedCurve(strategy, task, verdict)
        for strategy, tasks in models
        for task, verdict in zip(tasks, judged(strategy, tasks), strict=True)
    )


def judge_model(
    runs: Runs, strategy: str, tasks: tuple[str, ...], law: str, per_task: Mapping[str, Any], **options: Any
) -> tuple[Verdict, ...]:
    """What a backtest of one shared model's own runs says of each of its tasks.

    Args:
        runs: of all strategies.
        strategy: of the model.
        tasks: (M,) that it serves.
        law: that its curves are of.
        per_task: settings of all the runs' tasks, such as ``best``.
        options: what ``backtest_verdict.judge`` takes beside these.
    """
    numbers = [
        number
        for number, arm in enumerate(runs.strategy_runs)
        if arm.strategy == strategy and set(arm.tasks) == set(tasks)
    ]
    places = np.array([runs.tasks.index(name) for name in tasks])
    mine = np.isin(runs.strategy_index, numbers) & np.isin(runs.task, places)
    curve = np.array([tasks.index(runs.tasks[task]) for task in runs.task[mine]], dtype=int)
    chosen = replace(runs.select(mine, curve, tasks, tasks), strategy=strategy)
    return judge(chosen, law, **{name: values[places] for name, values in per_task.items()}, **options)
