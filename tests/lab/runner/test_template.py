import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import DataError
from budget.lab.runner.template import fill, read_rows, run_name, safe_name, split_command

CELLS = st.dictionaries(st.sampled_from(["task", "a", "b", "a=b"]), st.text("ab=-| /é", max_size=8), min_size=1)


def test_placeholders_fill_words_and_never_make_new_ones():
    words = split_command("python train.py --task={task} '{a b}' {{x}} {n:m}", ["task", "a b", "n:m"])
    cells = {"task": 'it\'s; rm -rf $HOME "x"', "a b": "{task}", "n:m": ""}
    assert fill(words, cells) == ["python", "train.py", '--task=it\'s; rm -rf $HOME "x"', "{task}", "{x}", ""]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python {size}", "'{size}' is no column of the plan, which has: task, seed; name one"),
        ("python {}", "'{}' is no column"),
        ("python {seed[0]}", "'{seed[0]}' is no column"),
        ("python {seed.real}", "'{seed.real}' is no column"),
        ("python {seed!r}", "'{seed!r}' is no column"),
        ("python {seed:>10}", "'{seed:>10}' is no column"),
        ("python {seed", "has a brace without its partner"),
        ("python seed}", "has a brace without its partner"),
        ("python 'seed", "close the quote"),
        ("", "is empty"),
        ("no-such-program-here {seed}", "there is no program 'no-such-program-here'"),
    ],
)
def test_bad_command_is_refused(command, said):
    with pytest.raises(DataError) as refusal:
        split_command(command, ["task", "seed"])
    assert said in str(refusal.value)


def test_rows_are_named_by_their_cells_or_by_the_column_run(tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text("task,params,seed\ncode,1e6,0\ncode,,1\n")
    assert read_rows(plan) == {
        "code-params=1e6-seed=0": {"task": "code", "params": "1e6", "seed": "0", "run": "code-params=1e6-seed=0"},
        "code-seed=1": {"task": "code", "params": "", "seed": "1", "run": "code-seed=1"},
    }
    plan.write_text("seed,run\n0,first\n0, second  one\n")
    assert list(read_rows(plan)) == ["first", "second one"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,seed\na,0\nb,0\na,0\n", "row 4: the same run as row 2"),
        ("run,seed\na,0\na,1\n", "row 3: the same run as row 2 ('a')"),
        ("run,seed\n,0\n", "row 2, column 'run': the cell is empty"),
    ],
)
def test_rows_that_cannot_be_told_apart_are_refused(tmp_path, text, said):
    plan = tmp_path / "plan.csv"
    plan.write_text(text)
    with pytest.raises(DataError) as refusal:
        read_rows(plan)
    assert said in str(refusal.value)


@settings(deadline=None)
@given(CELLS, CELLS)
def test_rows_share_a_name_only_if_their_cells_are_the_same(one, other):
    filled = [{name: cell for name, cell in cells.items() if cell} for cells in (one, other)]
    assert (run_name(one) == run_name(other)) <= (filled[0] == filled[1])


def test_names_that_joining_could_mix_up_differ():
    rows = [{"a": "1", "b": "2"}, {"a": "1-b=2"}, {"task": "a=1-b=2"}, {"a": "1", "b": "2 "}, {"a": "x" * 200}]
    rows.append({"a": "x" * 201})
    assert all(run_name(one) != run_name(other) for one, other in itertools.combinations(rows, 2))


@settings(deadline=None)
@given(st.text("ab./\\\0 é=-"))
def test_safe_names_are_short_and_are_one_part_of_a_path(text):
    name = safe_name(text)
    assert len(name) < 140 and "/" not in name and "\0" not in name
    assert safe_name("../../x") != safe_name("..|..|x")
