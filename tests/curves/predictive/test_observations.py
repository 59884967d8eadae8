"""The rows that a posterior is made of: a task's own, and its specialists' beside them."""

import numpy as np
import pandas as pd

from budget.curves.fitting.fit import fit_curves
from budget.curves.predictive.observations import Beside, Posterior, merged, observe
from budget.tables.runs import runs_from_frame
from budget.tables.specialist_runs import specialists_beside
from tests.commands.invoking import run


def arms(tasks=("a", "b"), rows=9, seed=0) -> pd.DataFrame:
    """Specialists of each task, and generalists that need more params and tokens for the same value."""
    random, frames = np.random.default_rng(seed), []
    for strategy, count in (("specialist", 1), ("generalist", len(tasks))):
        params = np.exp(random.uniform(10, 15, rows))
        tokens = np.exp(random.uniform(14, 19, rows))
        for position, task in enumerate(tasks):
            value = 1 + position + 20 * (params / count**0.5) ** -0.3 + 40 * (tokens / count**0.7) ** -0.3
            served = task if count == 1 else "|".join(tasks)
            names = [f"{strategy}-{task if count == 1 else ''}{row}" for row in range(rows)]
            frames.append(
                pd.DataFrame(
                    {"task": task, "run": names, "strategy": strategy, "model_tasks": served, "params": params,
                     "tokens": tokens, "value": value * np.exp(0.002 * random.normal(size=rows))}
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def observed(frame):
    every = runs_from_frame(frame)
    shared = runs_from_frame(frame[frame["strategy"] == "generalist"])
    alone = specialists_beside(every, shared.tasks)
    nothing = np.full(len(shared.tasks), np.nan)
    good = np.arange(len(shared.tasks))
    beside = Beside(alone, shared.tasks)
    return shared, observe(shared, good, ("params", "tokens"), nothing, nothing, nothing, beside)


def test_companions_stand_behind_a_task_s_own_rows():
    shared, found = observed(arms())
    assert found.own.sum(axis=1).tolist() == [9, 9] and found.companion.sum(axis=1).tolist() == [9, 9]
    np.testing.assert_allclose(found.log_tasks, np.log(2))
    for task in range(2):
        own, other = found.own[task], found.companion[task]
        assert (found.row[task, other] == -1).all() and not set(found.run[task, own]) & set(found.run[task, other])
        np.testing.assert_array_equal(found.value[task, own], shared.value[found.row[task, own]])
        np.testing.assert_allclose(found.weight[task, other].mean(), 1.0)


def test_a_task_without_specialists_has_its_own_rows_alone():
    frame = arms()
    _, found = observed(frame[~((frame["strategy"] == "specialist") & (frame["task"] == "b"))])
    assert found.companion.any(axis=1).tolist() == [True, False]
    assert found.take([1]).companion.shape == found.take([1]).run.shape


def test_parts_are_put_together_in_the_order_of_the_tasks():
    def part(tasks):
        number = np.array(tasks, dtype=float)
        draws = number[None, :, None] + np.zeros((3, 1, 2))
        return Posterior(draws[0], draws, draws[:, :, 0], number, number, number, number)

    which = np.array([True, False, True, False])
    found = merged([(which, part([0, 2])), (~which, part([1, 3]))])
    assert found.error.tolist() == [0, 1, 2, 3] and found.draws[2, :, 1].tolist() == [0, 1, 2, 3]
    assert merged([(np.array([True, True]), part([0, 1]))]).error.tolist() == [0, 1]


def test_a_shared_model_far_beyond_its_runs_learns_from_specialists():
    """Its own three runs say little; the specialists' curve, at K tasks' cost, says where it goes."""
    frame = arms(rows=12)
    shared = frame[(frame["strategy"] == "generalist") & frame["run"].isin([f"generalist-{row}" for row in range(3)])]
    runs, every = runs_from_frame(shared), runs_from_frame(frame)
    alone = fit_curves(runs, draws=60)
    beside = fit_curves(runs, draws=60, beside=specialists_beside(every, runs.tasks))
    assert any("rows of specialists" in note for note in beside.notes) and beside.used.all()
    at, both = np.log([[4e7, 4e9], [4e7, 4e9]]), np.arange(2)
    true = np.array([1, 2]) + 20 * (4e7 / 2**0.5) ** -0.3 + 40 * (4e9 / 2**0.7) ** -0.3
    predicted = [each.predict(both, at) for each in (alone, beside)]
    width = [np.log(high / low) for _, low, high in predicted]
    off = [np.abs(np.log(value / true)).max() for value, _, _ in predicted]
    assert (width[1] < width[0]).all() and off[1] < min(off[0], 0.2), (width, off)


def test_the_command_finds_the_specialists_that_where_has_left_out(tmp_path):
    arms().to_csv(tmp_path / "runs.csv", index=False)
    words = ("fit", tmp_path / "runs.csv", "--draws", 20)
    result = run(*words, "--where", "strategy=generalist")
    assert result.exit_code == 0 and "Fitted together with 18 rows of specialists" in result.stderr
    assert "Fitted together" not in run(*words, "--where", "strategy=specialist").stderr


def test_plans_borrow_floors_among_tasks_of_one_metric_and_predictions_do_not():
    random, frames = np.random.default_rng(0), []
    for position in range(4):
        x = np.geomspace(1e3, 1e6, 12)
        value = 0.2 + (2 + position) * x**-0.25
        frames.append(
            pd.DataFrame({"task": f"t{position}", "x": x, "value": value * np.exp(0.01 * random.normal(size=12))})
        )
    frame = pd.concat(frames)
    lent, own = (fit_curves(frame, draws=40, borrow=borrow) for borrow in (True, False))
    np.testing.assert_array_equal(lent.draws, own.draws)
    assert np.abs(lent.planned_parameters - own.planned_parameters).max() > 1e-3
    assert any("borrow each floor" in note for note in lent.notes) and not any("borrow" in note for note in own.notes)
    apart = fit_curves(frame.assign(metric=frame["task"]), draws=40)
    np.testing.assert_allclose(apart.planned_parameters, own.planned_parameters)
