"""The same fit under other losses and without flagged rows: what is in the table, and by what it is divided."""

import numpy as np
import pandas as pd
import pytest

from budget.curves.checks.sensitivity import ALL_FLAGGED, sensitivity
from budget.curves.fitting.loss import LOSSES, make_loss
from budget.errors import FitError
from budget.tables.runs import runs_from_frame
from tests.searched import fit_searched

SMALLEST = 2
"""Row number of the planted wild row of task ``end``: its smallest run."""

MIDDLE = (58, 63)
"""Row numbers of the planted wild rows of task ``two``."""


def planted() -> pd.DataFrame:
    """Three power laws on 40 runs each: a wild row at one end, two in the middle, none."""
    random = np.random.default_rng(7)
    x = np.geomspace(1e6, 1e10, 40)
    frames = [
        pd.DataFrame(
            {"task": name, "x": x, "value": (floor + (x / 1e7) ** -0.4) * np.exp(0.01 * random.normal(size=40))}
        )
        for name, floor in (("end", 0.5), ("two", 0.8), ("clean", 1.1))
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame.loc[np.array([SMALLEST, *MIDDLE]) - 2, "value"] *= [1.5, 1.4, 0.7]
    return frame


@pytest.fixture(scope="module")
def runs():
    return runs_from_frame(planted())


@pytest.fixture(scope="module")
def curves(runs):
    return fit_searched(runs, "power", draws=50)


@pytest.fixture(scope="module")
def table(runs, curves):
    return sensitivity(runs, curves, make_loss("huber"))


def test_there_is_a_row_for_every_loss_and_every_flagged_row(curves, table):
    assert curves.outliers == ((SMALLEST,), MIDDLE, ())
    every = ["as fitted", *(f"loss {name}" for name in LOSSES if name != "huber")]
    expected = {
        "end": [*every, f"without row {SMALLEST}"],
        "two": [*every, *(f"without row {row}" for row in MIDDLE), ALL_FLAGGED],
        "clean": every,
    }
    assert list(table["task"]) == [task for task, variants in expected.items() for _ in variants]
    assert list(table["variant"]) == [variant for variants in expected.values() for variant in variants]
    assert list(table.columns) == [
        "task", "variant", "E", "E_shift", "A", "A_shift", "a", "a_shift", "objective", "status",
    ]  # fmt: skip


def test_the_first_row_is_the_fit_itself(curves, table):
    first = table[table["variant"] == "as fitted"].set_index("task")
    printed = curves.table().set_index("task")
    assert (first[["E_shift", "A_shift", "a_shift"]].abs() < 1e-9).all(axis=None)
    for name in ("E", "A", "a", "objective"):
        np.testing.assert_allclose(first[name], printed[name], rtol=1e-12)
    assert first["status"].tolist() == printed["status"].tolist() == ["outliers", "outliers", "ok"]


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "huber"])
def test_a_shift_is_the_change_in_standard_deviations_of_the_draws(runs, curves, table, name):
    again = fit_searched(runs, "power", loss=name, draws=0)
    rows = table[table["variant"] == f"loss {name}"]
    for task, row in enumerate(rows.to_dict("records")):
        for parameter, column in ((0, "E"), (2, "a")):
            np.testing.assert_allclose(row[column], again.parameters[task, parameter], rtol=1e-9)
            drawn = curves.draws[:, task, parameter]
            deviation = np.sqrt(np.sum((drawn - drawn.mean()) ** 2) / (len(drawn) - 1))
            by_hand = (again.parameters[task, parameter] - curves.parameters[task, parameter]) / deviation
            np.testing.assert_allclose(row[f"{column}_shift"], by_hand, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(row["objective"], again.objective[task], rtol=1e-9)


def test_coefficients_are_compared_where_they_are_stated_however_the_reference_moves(runs, curves, table):
    """Without its smallest run a task has another reference; A is brought back to the first before it is compared."""
    row = table[table["variant"] == f"without row {SMALLEST}"].iloc[0]
    at_reference = np.log(row["A"]) - row["a"] * np.log(curves.reference[0, 0])
    shift = (at_reference - curves.parameters[0, 1]) / curves.draws[:, 0, 1].std(ddof=1)
    np.testing.assert_allclose(row["A_shift"], shift, rtol=1e-6)
    assert fit_searched(runs.keep(runs.row != SMALLEST), "power", draws=0).reference[0, 0] != curves.reference[0, 0]


def test_without_a_row_is_the_fit_of_the_file_without_it(table):
    frame = planted()
    for left_out, variant in (
        ([MIDDLE[0]], f"without row {MIDDLE[0]}"),
        ([MIDDLE[1]], f"without row {MIDDLE[1]}"),
        (MIDDLE, ALL_FLAGGED),
    ):
        some = frame[(frame["task"] == "two") & ~frame.index.isin(np.array(left_out) - 2)]
        alone = fit_searched(some, "power", draws=0).table().iloc[0]
        (row,) = table[(table["task"] == "two") & (table["variant"] == variant)].to_dict("records")
        np.testing.assert_allclose([row["E"], row["a"]], [alone["E"], alone["a"]], rtol=1e-5)


def test_a_wild_row_at_an_end_moves_its_curve_under_least_squares_and_leaving_it_out_brings_it_back():
    frame = planted()
    runs, loss = runs_from_frame(frame), make_loss("squares")
    frame.loc[SMALLEST - 2, "value"] /= 1.5
    truth = fit_searched(frame, "power", loss=loss, draws=0).parameters[0, 2]
    curves = fit_searched(runs, "power", loss=loss, draws=50)
    assert SMALLEST in curves.outliers[0]
    rows = sensitivity(runs, curves, loss).set_index(["task", "variant"])
    fitted, without = rows.loc[("end", "as fitted")], rows.loc[("end", f"without row {SMALLEST}")]
    assert abs(without["a_shift"]) > 1
    assert abs(without["a"] - truth) < 0.2 * abs(fitted["a"] - truth)
    # least absolute deviations hardly see it
    assert abs(rows.loc[("end", "loss lad"), "a"] - truth) < 0.5 * abs(fitted["a"] - truth)
    assert "loss squares" not in rows.index.get_level_values("variant")


def test_options_of_the_fit_are_those_of_every_variant(runs):
    fix, loss = {"a": 0.4}, make_loss("huber")
    curves = fit_searched(runs, "power", fix=fix, draws=10)
    rows = sensitivity(runs, curves, loss, fix=fix)
    assert (rows["a"] == 0.4).all() and rows["a_shift"].isna().all() and rows["E_shift"].notna().all()


def test_progress_counts_the_fits(runs, curves):
    seen = []
    sensitivity(runs, curves, make_loss("huber"), progress=lambda done, of: seen.append((done, of)))
    fits = len(LOSSES) - 1 + 2 + 1
    assert seen == [(done, fits) for done in range(1, fits + 1)]


@pytest.mark.parametrize("draws", [0, 1])
def test_without_draws_there_is_nothing_to_count_shifts_in(runs, draws):
    curves = fit_searched(runs, "power", draws=draws)
    with pytest.raises(FitError, match="--draws 200"):
        sensitivity(runs, curves, make_loss("huber"))
