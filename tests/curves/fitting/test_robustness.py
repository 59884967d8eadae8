"""Wild rows, repeated rows, values and scales out of the ordinary."""

import numpy as np
import pandas as pd
import pytest

from budget.tables.runs import read_runs
from tests.searched import fit_searched
from tests.simulate import HOFFMANN, Truth, grid


def many(rows=(15, 16), noise=0.01, seed=0, tasks=1):
    """Tasks on a grid of params and tokens, 1 % noise."""
    random = np.random.default_rng(seed)
    params, tokens = grid(*rows)
    frames = []
    for task in range(tasks):
        value = HOFFMANN.value(params, tokens) * np.exp(noise * random.normal(size=len(params)))
        frames.append(pd.DataFrame({"task": f"t{task}", "params": params, "tokens": tokens, "value": value}))
    return pd.concat(frames, ignore_index=True)


def test_five_wild_rows_of_240_move_no_exponent_by_a_standard_error_and_are_named():
    clean = many()
    wild = clean.copy()
    rows = np.sort(np.random.default_rng(5).choice(240, 5, replace=False))
    wild.loc[rows, "value"] *= 1.5
    before, after = fit_searched(clean, draws=40), fit_searched(wild, draws=0)
    spread = before.draws[:, 0, 4].std()
    assert abs(after.parameters[0, 4] - before.parameters[0, 4]) < spread
    assert before.status == ("ok",) and after.status == ("outliers",) and after.used.all()
    assert after.outliers == (tuple(int(row) + 2 for row in rows),)
    assert all(str(row + 2) in after.message[0] for row in rows)


@pytest.mark.parametrize("column", ["params", "tokens"])
@pytest.mark.parametrize("end", ["smallest", "largest"])
def test_wild_rows_at_one_end_of_the_scale_are_named(column, end):
    frame = many()
    order = np.lexsort((frame["params" if column == "tokens" else "tokens"], frame[column]))
    rows = np.sort(order[:5] if end == "smallest" else order[-5:])
    frame.loc[rows, "value"] *= 1.5
    curves = fit_searched(frame, draws=0)
    assert curves.status == ("outliers",)
    assert set(curves.outliers[0]) >= {int(row) + 2 for row in rows}
    assert len(curves.outliers[0]) <= 7


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "most"), [((4, 5), 4), ((6, 8), 1)])
def test_clean_runs_are_rarely_called_wild(rows, most):
    """40 tasks of 20 or 48 rows with 1 % noise; measured over 200: 3.5 % of tasks of 20 rows, none of 40 and more."""
    curves = fit_searched(many(rows, seed=1, tasks=40), draws=0)
    assert set(curves.status) <= {"ok", "outliers"}
    assert sum(1 for each in curves.outliers if each) <= most


def test_one_run_repeated_many_times_counts_once_in_the_draws():
    frame = many((5, 5), noise=0.02, seed=2)
    copied = pd.concat([frame, frame.iloc[[7] * 15]], ignore_index=True)
    curves = fit_searched(copied, draws=2)
    (found,) = curves.findings
    assert "duplicated_rows" in dict(found) and "27" in dict(found)["duplicated_rows"]
    assert curves.used.all() and np.isfinite(curves.draws).all()
    only = fit_searched(frame.iloc[[7] * 30], draws=0)
    assert only.status == ("too_few_runs",) and "1 runs" in only.message[0]


@pytest.mark.parametrize(
    ("value", "code", "sentence"),
    [
        (lambda frame: 2.0, "no_signal", "the same in all runs"),
        (lambda frame: frame["value"] - 3, "not_positive", "row"),
        (lambda frame: frame["value"].where(frame.index != 4, 0.0), "not_positive", "row 6 has the value 0"),
    ],
)
def test_values_that_carry_no_curve_have_a_status(value, code, sentence):
    frame = many((5, 5))
    curves = fit_searched(frame.assign(value=value(frame)), draws=2)
    assert curves.status == (code,) and sentence in curves.message[0]
    assert np.isnan(curves.draws).all() and np.isnan(curves.parameters).all() and len(curves.left_out) == 1


def test_two_rows_are_too_few():
    curves = fit_searched(many((5, 5)).iloc[[0, 24]], draws=2)
    assert curves.status == ("too_few_runs",) and "2 runs for a law of 5 parameters" in curves.message[0]


def test_scales_of_1e_minus_30_and_1e30_live_in_one_file():
    frame = many((5, 5), noise=0.02, tasks=3)
    factor = frame["task"].map({"t0": 1.0, "t1": 1e-30, "t2": 1e30})
    frame["value"] = np.tile(frame["value"][:25], 3) * factor
    frame["params"], frame["tokens"] = frame["params"] * factor, frame["tokens"] / factor
    curves = fit_searched(frame, draws=12)
    np.testing.assert_allclose(curves.objective, curves.objective[0], rtol=1e-6)
    points = np.log(frame[["params", "tokens"]].to_numpy())
    task = np.repeat(np.arange(3), 25)
    predicted, low, high = (each.reshape(3, 25) / [[1.0], [1e-30], [1e30]] for each in curves.predict(task, points))
    np.testing.assert_allclose(predicted, predicted[:1].repeat(3, axis=0), rtol=1e-5)
    assert (low < high).all() and ((low < predicted) & (predicted < high)).mean() > 0.7
    assert np.isfinite(curves.table()["E"]).all()


def test_a_table_in_memory_is_fitted_like_its_file(tmp_path):
    frame = many((5, 5), noise=0.02).assign(metric="nats", weight=[1, None] * 12 + [2])
    frame.to_csv(tmp_path / "runs.csv", index=False)
    first, second = fit_searched(frame, draws=3), fit_searched(read_runs(tmp_path / "runs.csv"), draws=3)
    np.testing.assert_array_equal(first.parameters, second.parameters)
    np.testing.assert_array_equal(first.draws, second.draws)
    assert first.metric == ("nats",) and first.tasks == second.tasks
    shuffled = frame.set_index(pd.Index(np.arange(25) * 7))
    np.testing.assert_array_equal(fit_searched(shuffled, draws=0).parameters, first.parameters)


def test_a_tiny_value_range_on_a_steep_law_stays_finite():
    params, tokens = grid()
    value = Truth(2.0, 1e9, 1.5, 1e8, 1.2).value(params, tokens)
    curves = fit_searched(pd.DataFrame({"task": "t", "params": params, "tokens": tokens, "value": value}), draws=9)
    assert np.isfinite(curves.parameters).all() and np.isfinite(curves.table().select_dtypes(float)).all(axis=None)
