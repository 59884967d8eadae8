"""Fitted curves as files."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError, FitError
from budget.tables.files.text import json_text


def test_curves_survive_their_file(noisy_curves):
    back = curves_from_record(json.loads(json_text(record_of(noisy_curves))), "curves.json")
    assert json_text(record_of(back)) == json_text(record_of(noisy_curves))
    np.testing.assert_array_equal(back.draws, noisy_curves.draws)
    np.testing.assert_array_equal(back.parameters, noisy_curves.parameters)
    assert back.cost.formula == noisy_curves.cost.formula == "6·N·D"


def test_warnings_survive_the_file_and_may_lack_in_older_ones(noisy_curves):
    record = json.loads(json_text(record_of(replace(noisy_curves, warnings=("flops look like GFLOPs.",)))))
    assert curves_from_record(record, "curves.json").warnings == ("flops look like GFLOPs.",)
    del record["warnings"]
    assert curves_from_record(record, "curves.json").warnings == ()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda record: [], "not a curves file"),
        (lambda record: record | {"schema": "other"}, "not a curves file"),
        (lambda record: record | {"tasks": [{}]}, "is damaged"),
        (lambda record: {name: record[name] for name in record if name != "cost"}, "is damaged"),
    ],
)
def test_damaged_files_are_refused(noisy_curves, spoil, sentence):
    with pytest.raises(DataError, match=sentence):
        curves_from_record(spoil(json.loads(json_text(record_of(noisy_curves)))), "curves.json")


def test_intervals_hold_the_point_and_widen_with_distance(noisy_curves):
    task = np.zeros(3, dtype=int)
    value, low, high = noisy_curves.predict(task, np.log([[3e8, 1e10], [3e9, 1e11], [3e11, 1e13]]))
    assert (low <= value).all() and (value <= high).all()
    assert (high - low)[2] > (high - low)[0]


def test_table_has_parameters_with_intervals(noisy_curves):
    table = noisy_curves.table()
    for name in ("E", "A", "alpha", "B", "beta"):
        assert (table[f"{name}_low"] < table[f"{name}_high"]).all()
    assert table["status"].tolist() == ["ok"] * 3 and (table["agreement"] > 0).all()


@pytest.mark.parametrize(
    ("status", "findings", "sentence"),
    [
        (
            ("flat",) * 3,
            ((("flat", "the runs do not show how the value depends on tokens"),),) * 3,
            "prose, code and 1 more (flat: the runs do not show how the value depends on tokens): fit --law power",
        ),
        (
            ("not_converged", "flat", "flat"),
            ((("not_converged", "it stopped"),), (), (("flat", "f"), ("suspect_scale", "row 9: another unit?"))),
            "prose (not_converged: it stopped): fit another law (--law power), or --loss lad where a few wild "
            "rows spoil the fit; 2 more: flat, suspect_scale.",
        ),
        (
            ("flat",) * 3,
            ((("flat", "f"), ("suspect_scale", "row 9: another unit?")),) * 3,
            "prose, code and 1 more (suspect_scale: row 9: another unit?): write this cell in the unit of the column's",
        ),
    ],
)  # fmt: skip
def test_without_any_curve_the_error_says_itself_what_to_do(noisy_curves, status, findings, sentence):
    """It sends to no other command: 'budget check' looks at the data only, and may find nothing."""
    message = tuple(each[0][1] if each else "the search stopped" for each in findings)
    curves = replace(noisy_curves, status=status, message=message, findings=findings)
    with pytest.raises(FitError) as raised:
        curves.usable()
    said = str(raised.value)
    assert f"no task has a curve that a plan can use: {sentence}" in said
    assert "budget check" not in said and len(said) <= 300


def test_curves_are_read_at_several_places_of_a_task_as_at_each(noisy_curves):
    every, several = np.arange(len(noisy_curves.tasks)), np.log(np.array([3e9, 4e10, 5e11]))
    several = np.stack([np.broadcast_to(each, (len(every), noisy_curves.reference.shape[1])) for each in several])
    for read in (noisy_curves.distance, noisy_curves.distance_draws):
        each = np.stack([read(every, place) for place in several], axis=-2)
        np.testing.assert_array_equal(read(every, several), each)
