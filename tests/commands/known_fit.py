"""The fit of ``plan`` put in place by curves that are known, so that its questions are what takes time."""

import numpy as np

from budget.commands.inputs import read_task_settings
from budget.commands.running import planned_study
from budget.commands.running.planned_study import FittedRuns
from budget.tables.checks.quality import check
from budget.tables.columns import column_mapping
from tests.simulate import TRUTHS, runs_of, table

TASKS = (
    "task,weight,target,min,max,current,unserved,unit_cost,served_tokens,group\n"
    "prose,1,2.4,,,1e21,9,1e-6,,words\n"
    "code,2,1.2,,,2e21,9,2e-6,,words\n"
    "maths,1,2.2,,,3e21,9,1e-6,,\n"
)


def with_known_curves(monkeypatch, folder, curves, compared=None):
    """Let ``plan`` find these curves whatever its runs are; settings of the tasks are read as ever."""

    def fitted(runs_path, reading, **_):
        runs = runs_of(table(TRUTHS, noise=0.01, shared=curves.is_shared), folder)
        settings = read_task_settings(reading.tasks_path, runs.tasks, column_mapping(reading.columns))
        findings = check(runs, ("params", "tokens"), 5, np.full(len(runs.tasks), np.nan))
        both = None if compared is None else (compared, settings)
        return FittedRuns(runs, findings, curves, settings, both, {}, reading.columns)

    monkeypatch.setattr(planned_study, "fit_runs", fitted)
