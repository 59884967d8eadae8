"""Stated best and unserved values: limits of every fit, of every draw and of whatever is predicted."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, lsq_linear

from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError
from budget.tables.runs import runs_from_frame
from tests import made
from tests.searched import fit_searched
from tests.simulate import TRUTHS, table

X = np.geomspace(1e6, 1e10, 24)
FAR = np.log(np.geomspace(1e-3, 1e12, 40))
"""Factors on the largest measured scale, up to a million million."""


def power(floor: float, a: float = 0.3, size: float = 1.5, noise: float = 0.01, seed: int = 0, task: str = "t"):
    value = (floor + size * (X / X[0]) ** -a) * np.exp(noise * np.random.default_rng(seed).normal(size=len(X)))
    return pd.DataFrame({"task": task, "x": X, "value": value})


def everywhere(curves) -> tuple[np.ndarray, ...]:
    """Value, low and high of every task at all ``FAR`` scales, and what its draws and new runs say there."""
    tasks = np.repeat(np.arange(len(curves.tasks)), len(FAR))
    largest = np.log(np.column_stack([curves.largest[name] for name in curves.scale_columns]))
    at = np.repeat(largest, len(FAR), axis=0) + np.tile(FAR, len(curves.tasks))[:, None]
    shape = (-1, len(curves.tasks), len(FAR))
    found = (*curves.predict(tasks, at), *curves.predict(tasks, at, new_run=True))
    drawn = curves.present(tasks, curves.distance_draws(tasks, at))
    return (*(each.reshape(shape) for each in found), drawn.reshape(shape))


def test_a_bounded_floor_is_that_of_scipy():
    """Least squares of logs, E above the stated best: the same optimum as a general bounded solver finds."""
    frame = power(0.4, noise=0.02, seed=3)
    y = frame["value"].to_numpy()
    free = fit_searched(frame, loss="squares", draws=0)
    best = float(free.parameters[0, 0]) + 0.05
    curves = fit_searched(frame, loss="squares", best=np.array([best]), draws=0)

    def miss(theta):
        return np.log(y) - np.log(theta[0] + np.exp(theta[1]) * (X / X[0]) ** -theta[2])

    scipy = least_squares(miss, [best + 0.1, 0.3, 0.3], bounds=([best, -20, 0.005], [y.max(), 12, 3]), xtol=1e-15,
                          ftol=1e-15, gtol=1e-15)  # fmt: skip
    assert scipy.x[0] == pytest.approx(best, rel=1e-9), "the bound binds"
    assert curves.parameters[0, 0] == best
    assert curves.objective[0] == pytest.approx(scipy.cost, rel=1e-9)
    assert curves.parameters[0, 2] == pytest.approx(scipy.x[2], rel=1e-5)


def test_at_a_held_exponent_the_floor_is_that_of_bounded_linear_least_squares():
    frame = power(0.4, noise=0.05, seed=1)
    best = np.array([0.55])
    curves = fit_searched(frame, loss="squares", residual="raw", fix={"a": 0.3}, best=best, draws=0)
    matrix = np.column_stack([np.ones(len(X)), X**-0.3])
    found = lsq_linear(matrix, frame["value"], bounds=([best[0], 0], np.inf), tol=1e-14)
    natural = curves.form.natural(curves.parameters, curves.reference)[0]
    np.testing.assert_allclose(natural[:2], found.x, rtol=1e-6)


def bounded(law: str, floors: list[float], above: float, noise: float, seed: int) -> None:
    frame = pd.concat([power(floor, noise=noise, seed=seed + at, task=f"t{at}") for at, floor in enumerate(floors)])
    best = np.array([floor * (1 + above) for floor in floors])
    curves = fit_searched(frame, law, best=best, draws=20)
    curves, best = curves.usable(), best[curves.used]
    assert (curves.parameters[:, 0] >= best).all() and (curves.draws[:, :, 0] >= best).all()
    for values in everywhere(curves):
        assert (values >= best[:, None]).all()


@settings(max_examples=8, deadline=None)
@given(
    floors=st.lists(st.floats(0.05, 3.0), min_size=3, max_size=3),
    above=st.floats(-0.3, 0.05),
    noise=st.sampled_from([0.003, 0.03]),
    seed=st.integers(0, 99),
)
def test_no_draw_at_any_scale_is_better_than_the_best(floors, above, noise, seed):
    bounded("power", floors, above, noise, seed)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["m4", "bnsl"])
def test_no_draw_of_another_law_is_better_than_the_best(law):
    bounded(law, [0.4, 1.0], 0.02, 0.01, 0)


@pytest.mark.slow
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_two_scales_pooled_and_repeated_are_bounded_too(residual):
    truths = TRUTHS | {"more": TRUTHS["code"]}
    frame = table(truths, noise=0.02)
    best = np.array([truth.E + 0.02 for truth in truths.values()])
    curves = fit_searched(frame, best=best, residual=residual, pool=True, draws=20)
    assert curves.pooled.all() and (curves.draws[:, :, 0] >= best).all()
    for values in everywhere(curves):
        assert (values >= best[:, None]).all()
    if residual == "raw":
        return
    repeated = frame.assign(unique_tokens=frame["tokens"].min() * 3)
    again = fit_searched(repeated, "repeat", best=best, residual=residual, draws=5)
    assert (again.parameters[:, 0] >= best).all() and (again.draws[:, :, 0] >= best).all()


@pytest.mark.slow
def test_a_law_with_common_parameters_is_bounded_too():
    parts = []
    for count in (1, 2, 4):
        part = table(TRUTHS, noise=0.02, seed=count)
        part = part.assign(n_tasks=count, run=part["run"] + f"-{count}", value=part["value"] * count**0.05)
        parts.append(part.assign(task_tokens=part["tokens"] / count))
    best = np.array([truth.E * 1.02 for truth in TRUTHS.values()])
    curves = fit_searched(pd.concat(parts), "shared", best=best, draws=5)
    assert (curves.parameters[:, 0] >= best).all() and (curves.draws[:, :, 0] >= best).all()


def test_the_true_floor_brings_the_fit_nearer_to_the_truth():
    """Twenty simulated tasks whose best value is stated: the floor's error shrinks, and predictions far out with it."""
    truth = 0.5 + np.arange(20) / 20
    frame = pd.concat([power(floor, noise=0.02, seed=at, task=f"t{at:02d}") for at, floor in enumerate(truth)])
    free, held = fit_searched(frame, draws=0), fit_searched(frame, best=truth, draws=0)
    far = np.log(np.full((20, 1), 1e14))
    floors, values = (
        [np.abs(found - truth) for found in pair]
        for pair in (
            [each.parameters[:, 0] for each in (free, held)],
            [each.distance(np.arange(20), far) for each in (free, held)],
        )
    )
    assert (floors[1] <= floors[0] + 1e-4).all() and floors[1].mean() < 0.8 * floors[0].mean()
    assert values[1].mean() < 0.95 * values[0].mean()


def test_a_floor_at_the_stated_best_is_no_open_end():
    frame = power(0.4, noise=0.005, seed=2)
    curves = fit_searched(frame, best=np.array([0.45]), draws=0)
    assert curves.bounds == (("E",),) and "at_bound" not in dict(curves.findings[0])
    nothing = fit_searched(power(0.0, noise=0.005, seed=5), draws=0)
    assert nothing.parameters[0, 0] > 0 or "the floor E is 0" in dict(nothing.findings[0])["at_bound"]


def test_a_best_value_that_binds_nowhere_changes_nothing():
    frame = power(1.0, noise=0.01)
    free, held = fit_searched(frame, draws=10), fit_searched(frame, best=np.array([0.1]), draws=10)
    np.testing.assert_allclose(held.parameters, free.parameters, rtol=1e-6)
    np.testing.assert_allclose(held.draws, free.draws, rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_the_bound_is_in_the_unit_of_the_values(unit):
    frame = power(0.4, noise=0.01).assign(value=lambda f: f["value"] * unit)
    curves = fit_searched(frame, best=np.array([0.5 * unit]), draws=5)
    assert curves.parameters[0, 0] == 0.5 * unit and (curves.draws[:, 0, 0] >= 0.5 * unit).all()


def test_negative_values_may_have_a_negative_best_value():
    frame = power(1.0, noise=0.0).assign(value=lambda f: f["value"] - 3 + 0.01 * np.sin(np.arange(24)))
    curves = fit_searched(frame, residual="raw", best=np.array([-1.95]), draws=20)
    assert curves.parameters[0, 0] == -1.95 and all((values >= -1.95).all() for values in everywhere(curves))


def test_scores_stay_below_their_best_and_keep_their_floor():
    """The best score is a ceiling: the distance to it may have a floor of its own, and 0 is the least."""
    frame = power(0.1, noise=0.02).assign(value=lambda f: 0.9 - f["value"] / 2, higher_is_better=1)
    curves = fit_searched(frame, best=np.array([0.9]), draws=20)
    plain = fit_searched(frame.assign(value=0.9 - frame["value"], higher_is_better=0), draws=0)
    np.testing.assert_allclose(curves.parameters, plain.parameters, rtol=1e-6)
    assert all((values <= 0.9).all() for values in everywhere(curves))


def test_rows_that_beat_the_best_are_a_finding_said_first():
    frame = power(0.6, noise=0.003)
    frame.loc[20, "value"] = 0.55
    curves = fit_searched(frame, best=np.array([0.58]), draws=0)
    assert curves.status == ("beats_best",) and curves.used.all()
    assert curves.message == ("row 22: 0.55 is better than the stated best 0.58",)
    noisy = fit_searched(frame.assign(stderr=0.02), best=np.array([0.58]), draws=0)
    assert "beats_best" not in dict(noisy.findings[0])


def test_values_scattered_about_their_entropy_do_not_beat_it():
    """Half of the last runs lie below the floor by chance: the scatter of the fit is what they are held against."""
    random = np.random.default_rng(0)
    value = 1 + 2 * (X / X[0]) ** -2.0
    frame = pd.DataFrame({"task": "t", "x": X, "value": value * np.exp(0.01 * random.normal(size=len(X)))})
    assert (frame["value"] < 1).sum() > 4
    curves = fit_searched(frame, best=np.array([1.0]), draws=0)
    assert "beats_best" not in dict(curves.findings[0]) and curves.used.all()


def test_a_best_value_that_all_runs_beat_leaves_the_task_out():
    curves = fit_searched(power(0.6), best=np.array([9.0]), draws=0)
    assert curves.status == ("wrong_best",) and not curves.used.any()
    assert "all 24 rows are better than the stated best" in curves.left_out[0] and "column 'best'" in curves.left_out[0]


def test_a_fixed_floor_beyond_the_best_value_is_refused():
    with pytest.raises(DataError, match=r"E=0.5: no curve of task 't' can have it: its floor .* between 0.55 and"):
        fit_searched(power(0.6), fix={"E": 0.5}, best=np.array([0.55]), draws=0)
    assert fit_searched(power(0.6), fix={"E": 0.57}, best=np.array([0.55]), draws=0).parameters[0, 0] == 0.57


@pytest.mark.parametrize("score", [False, True])
def test_no_prediction_is_worse_than_unserved(score):
    """Values that blow up below the measured scales end at guessing; the distances, which plans are made of, do not."""
    frame = power(0.4, a=0.8, noise=0.05)
    if score:
        frame = frame.assign(value=1 - frame["value"] / 3, higher_is_better=1)
    worst = 1 - 2.1 / 3 if score else 2.1
    curves = fit_searched(frame, unserved=np.array([worst]), draws=30)
    for values in everywhere(curves):
        assert (values >= worst).all() if score else (values <= worst).all()
    near, small = np.log(curves.largest["x"])[None], np.log([[1e2]])
    free = fit_searched(frame, draws=30)
    for task, at in ((np.array([0]), near), (np.array([0]), small)):
        np.testing.assert_array_equal(curves.distance(task, at), free.distance(task, at))
        np.testing.assert_array_equal(curves.distance_draws(task, at), free.distance_draws(task, at))
    assert curves.predict(np.array([0]), small)[0] == worst
    np.testing.assert_array_equal(curves.predict(np.array([0]), near), free.predict(np.array([0]), near))


def test_an_unserved_value_that_runs_reach_bounds_nothing():
    curves = fit_searched(power(0.4), unserved=np.array([0.3]), draws=5)
    assert np.isnan(curves.unserved[0]) and "bounds no prediction" in curves.notes[-1]


def test_curves_keep_what_was_stated_and_old_files_are_read():
    curves = fit_searched(power(0.4), best=np.array([0.35]), unserved=np.array([9.0]), draws=3)
    record = json.loads(json.dumps(record_of(curves)))
    again = curves_from_record(record, "c.json")
    np.testing.assert_array_equal([again.best, again.unserved], [[0.35], [9.0]])
    old = json.loads(json.dumps(record))
    for task in old["tasks"]:
        del task["best"], task["unserved"]
    assert np.isnan(curves_from_record(old, "c.json").best).all()
    for task in old["tasks"]:
        task["best"] = 0.6
    with pytest.raises(DataError, match="'best'"):
        curves_from_record(old, "c.json")


def test_curves_made_by_hand_have_limits_where_they_are_stated():
    curves = made.power({"a": (0.4, 2e3, 0.3)}, draws=4)
    bounded, notes = curves.bounded_by(np.array([1.2]))
    assert notes == () and bounded.unserved.tolist() == [1.2]
    runs = runs_from_frame(power(0.4))
    assert fit_searched(runs, draws=0).best.shape == (1,)


def test_a_scale_whose_largest_is_not_kept_is_taken_at_its_reference():
    curves = made.repeat(draws=2)
    bounded, notes = curves.bounded_by(np.full(len(curves.tasks), 50.0))
    assert (bounded.unserved == 50).all() and notes == ()
    assert curves.bounded_by(np.full(len(curves.tasks), np.nan))[0] is curves
