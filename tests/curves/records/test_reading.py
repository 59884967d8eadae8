"""Curves files that were edited: each edit is refused by its task and field, or honoured; never a traceback."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.records.checksum import FIELD, checksum, sealed
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import BudgetError, DataError
from budget.tables.files.text import json_text
from budget.tables.tasks import default_tasks
from tests import made
from tests.simulate import LINKS

DESCRIBED = {"formula", "advice", "at_reference"}
"""Fields that repeat what the law or a status says; a change in them means nothing, or is refused."""


def plain(curves: Any, checksums: bool = False) -> dict[str, Any]:
    """A curves file as it is parsed, without checksums as an earlier version wrote it."""
    record = record_of(curves)
    return json.loads(json_text(sealed(record) if checksums else record))


POWER = made.power({"a": (0.5, 0.7, 0.4), "b": (0.4, 0.9, 0.3)}, scale="x", draws=3)
CHINCHILLA = made.chinchilla(draws=2)
LINKED = replace(CHINCHILLA, link=made.link_of(LINKS, draws=2))
SCORES = replace(POWER, higher_is_better=np.array([True, False]), ceiling=np.array([1.0, np.nan]))
FILES = [plain(curves) for curves in (POWER, CHINCHILLA, LINKED, SCORES)]


def nodes(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The place of every value of a record but the record itself."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from nodes(each, (*path, key))


def changed(record: dict, path: tuple, change: str, number: float) -> dict:
    """A copy of the record with one place changed."""
    record = copy.deepcopy(record)
    parent: Any = record
    for key in path[:-1]:
        parent = parent[key]
    key, old = path[-1], parent[path[-1]]
    if change == "delete":
        del parent[key]
    elif change == "twice" and isinstance(parent, list):
        parent.append(copy.deepcopy(old))
    elif change == "longer" and isinstance(old, list):
        old.append(1.0)
    elif change == "shorter" and isinstance(old, list):
        del old[:1]
    elif change == "scaled" and isinstance(old, (int, float)) and not isinstance(old, bool):
        parent[key] = old * number
    else:
        parent[key] = {"text": "x", "null": None, "true": True, "list": [], "object": {}}.get(change, number)
    return record


CHANGES = ["delete", "twice", "longer", "shorter", "scaled", "text", "null", "true", "list", "object", "number"]
NUMBERS = [float("nan"), float("inf"), 1e300, -1e300, 1e-300, -1.0, 0.0, 0.5, 7, 1e308]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_an_edit_is_refused_in_a_sentence_or_honoured(data):
    original = data.draw(st.sampled_from(FILES))
    path = data.draw(st.sampled_from(list(nodes(original))))
    record = changed(original, path, data.draw(st.sampled_from(CHANGES)), data.draw(st.sampled_from(NUMBERS)))
    try:
        curves = curves_from_record(record, "curves.json")
    except DataError as error:
        said = str(error)
        assert said.startswith("curves.json: ") and said.endswith(".") and len(said) <= 300 and said.isprintable()
        if len(path) > 2 and path[0] == "tasks":
            assert "task " in said
        return
    back = json.loads(json_text(record_of(curves)))
    for place in nodes(record):
        if not DESCRIBED & set(place):
            ours, theirs = (value_at(each, place) for each in (back, record))
            assert isinstance(theirs, (dict, list)) or ours == theirs
    try:
        usable = curves.usable()
        spec = plan_spec(usable, default_tasks(usable.tasks), 1e9 if curves.scale_columns == ("x",) else 1e21)
        allocate(usable, spec)
    except BudgetError as error:
        assert str(error).endswith(".")


def value_at(record: Any, place: tuple) -> Any:
    for key in place:
        record = record[key]
    return record


@pytest.mark.parametrize("curves", [POWER, CHINCHILLA, LINKED, SCORES], ids=["power", "chinchilla", "linked", "scores"])
def test_files_are_read_as_written_with_and_without_checksums(curves):
    for record in (plain(curves), plain(curves, checksums=True)):
        assert json_text(record_of(curves_from_record(record, "curves.json"))) == json_text(record_of(curves))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_edit_of_any_place_breaks_a_checksum(data):
    original = plain(LINKED, checksums=True)
    path = data.draw(st.sampled_from(list(nodes(original))))
    record = changed(original, path, data.draw(st.sampled_from(CHANGES)), data.draw(st.sampled_from(NUMBERS)))
    if record == original or path[-1] == FIELD:
        return
    with pytest.raises(DataError, match=r"^curves.json: "):
        curves_from_record(record, "curves.json")


def test_a_checksum_does_not_depend_on_the_layout():
    record = plain(POWER, checksums=True)["tasks"][0]
    turned = dict(reversed(list(record.items()))) | {"runs": float(record["runs"])}
    assert checksum(turned) == checksum(record) == record[FIELD]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("tasks", 0, "task"), 5, "task 1, field 'task' is 5 where a text is due"),
        (("inputs",), [], "field 'inputs' is empty where law 'power' reads one of params, tokens, flops, x"),
        (("tasks", 1, "task"), "a", "task 2, field 'task' is 'a', which another task is called too"),
        (("tasks", 0, "working", 0), 1e300, "task 'a', field 'working' holds 1e+300 for E"),
        (
            ("tasks", 0, "working", 2),
            0.0,
            "task 'a', field 'working' holds 0 for a, where the fit's range is 0.005 to 3",
        ),
        (("tasks", 0, "working", 2), -0.5, "task 'a', field 'working' holds -0.5 for a"),
        (("tasks", 0, "working_draws", 1, 2), 9.0, "task 'a', field 'working_draws' holds 9 for a"),
        (("tasks", 0, "parameters", "E"), 0.1, "task 'a', field 'parameters' says E = 0.1, and by 'working' it is 0.5"),
        (("tasks", 0, "at_reference", "A"), 2.0, "task 'a', field 'at_reference' says A = 2"),
        (("tasks", 1, "noise_draws"), [0.0], "task 'b', field 'noise_draws' holds a list of 1 where a list of 3"),
        (("tasks", 1, "status"), "fine", "task 'b', field 'status' is 'fine' where one of ok"),
        (("tasks", 1, "smallest", "x"), -1, "task 'b', field 'x' is -1 where a number of at least 0 is due"),
        (("law",), "powr", "field 'law' is 'powr' where one of power, chinchilla"),
        (("draws",), 4, "task 'a', field 'working_draws' holds a list of 3 where a list of 4"),
    ],
)
def test_the_task_and_the_field_are_named(path, value, said):
    record = plain(POWER)
    value_at(record, path[:-1])[path[-1]] = value
    with pytest.raises(DataError) as caught:
        curves_from_record(record, "curves.json")
    assert said in str(caught.value)


def test_tokens_a_parameter_come_back_and_files_without_them_are_read():
    ratios = np.column_stack([np.full(3, 0.1), 20.0 + np.arange(3)])
    record = plain(replace(CHINCHILLA, ratios=ratios), checksums=True)
    again = curves_from_record(copy.deepcopy(record), "curves.json")
    np.testing.assert_array_equal(again.ratios, ratios)
    np.testing.assert_array_equal(again.take(np.array([2, 0])).ratios, ratios[[2, 0]])
    assert np.isnan(curves_from_record(plain(CHINCHILLA), "curves.json").ratios).all()
    record = plain(replace(CHINCHILLA, ratios=ratios))
    record["tasks"][1]["ratios"] = [30, 20]
    with pytest.raises(DataError, match="field 'ratios' is 30 to 20 where the fewest and the most tokens a parameter"):
        curves_from_record(record, "curves.json")


def test_an_edit_that_a_fit_could_have_given_is_told_by_the_checksum_and_meant_without_it():
    record = plain(POWER, checksums=True)
    task = record["tasks"][0]
    task["noise_draws"] = [0.25, -0.5, 0.0]
    with pytest.raises(DataError, match=r"task 'a' was edited after the fit .* or delete that 'checksum'"):
        curves_from_record(record, "curves.json")
    del task[FIELD]
    np.testing.assert_array_equal(curves_from_record(record, "curves.json").noise[:, 0], [0.25, -0.5, 0.0])
