import pytest

from budget.errors import DataError
from budget.lab.synthetic_tasks.task_table import TASKS
from budget.lab.transformer.measured_cells import Cell
from budget.lab.transformer.planned_runs import read_plan
from budget.lab.transformer.shape import MOST_TASKS, Shape

HEADER = "task,width,layers,tokens,seed,strategy,mixture,unique_tokens,experts,active,trunk_share\n"
PAIR = ("code", "prose")


def _read(tmp_path, rows, header=HEADER):
    path = tmp_path / "plan.csv"
    path.write_text(header + rows)
    return read_plan(path)


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ("code,16,1,1e3,0,,,,,,", Cell(("code",), Shape(16, 1), 1000, 0)),
        ("code|prose,16,1,1e3,0,,,,,,", Cell(PAIR, Shape(16, 1), 1000, 0, "generalist")),
        ("code | prose,16,1,1e3,0,generalist,2|1,,,,", Cell(PAIR, Shape(16, 1), 1000, 0, "generalist", (2, 1))),
        ("code|prose,16,1,1e3,0,generalist,3|3,,,,", Cell(PAIR, Shape(16, 1), 1000, 0, "generalist")),
        ("code,16,1,1e3,0,specialist,,2e4,1,1,", Cell(("code",), Shape(16, 1), 1000, 0, unique_tokens=20_000)),
        ("code|prose,16,1,1e3,0,trunk,,,,,", Cell(PAIR, Shape(16, 1), 1000, 0, "trunk", trunk_share=0.5)),
        ("code|prose,16,1,1e3,0,trunk,,,,,0.25", Cell(PAIR, Shape(16, 1), 1000, 0, "trunk", trunk_share=0.25)),
        ("code|prose,16,1,1e3,0,moe,,,4,2,", Cell(PAIR, Shape(16, 1, 4, 2), 1000, 0, "moe")),
    ],
)
def test_row_says_what_to_train(tmp_path, row, cell):
    assert _read(tmp_path, row + "\n") == [cell]


def test_plan_of_specialists_needs_no_further_column(tmp_path):
    (cell,) = _read(tmp_path, "code,16,1,1000,0\n", "task,width,layers,tokens,seed\n")
    assert cell == Cell(("code",), Shape(16, 1), 1000, 0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("code|code,16,1,1e3,0,,,,,,", ["row 2", "'code|code' names a task twice"]),
        ("code|chess,16,1,1e3,0,,,,,,", ["row 2", "unknown task 'chess'"]),
        ("|".join(list(TASKS)[: MOST_TASKS + 1]) + ",16,1,1e3,0,,,,,,", ["row 2", f"at most {MOST_TASKS}"]),
        ("code|prose,16,1,1e3,0,specialist,,,,,", ["'strategy'", "one task, not 2"]),
        ("code,16,1,1e3,0,expert,,,,,", ["'strategy'", "'expert' is not one of specialist, generalist"]),
        ("code|prose,16,1,1e3,0,moe,,,,,", ["'experts'", "at least 2"]),
        ("code|prose,16,1,1e3,0,generalist,,,4,,", ["'experts'", "the others 1"]),
        ("code|prose,16,1,1e3,0,moe,,,2,3,", ["'active'", "3 is more than the 2 experts"]),
        ("code|prose,16,1,1e3,0,trunk,,,,,1", ["'trunk_share'", "between 0 and 1"]),
        ("code|prose,16,1,1e3,0,trunk,,,,,half", ["'trunk_share'", "'half'"]),
        ("code|prose,16,1,1e3,0,generalist,,,,,0.5", ["'trunk_share'", "leave the cell empty"]),
        ("code|prose,16,1,1e3,0,generalist,1,,,,", ["'mixture'", "each of 2 tasks"]),
        ("code|prose,16,1,1e3,0,generalist,1|0,,,,", ["'mixture'", "positive share"]),
        ("code|prose,16,1,1e3,0,generalist,1|x,,,,", ["'mixture'", "'1|x'"]),
        ("code,16,1,1e3,4294967296,,,,,,", ["'seed'", "4294967296 is too large", "at most 4294967295"]),
        ("code,16,1,1e3,0,,,0,,,", ["'unique_tokens'", "'0'"]),
        ("code|prose,16,1,1e3,0,,,,,,\ncode|prose,16,1,1e3,0,generalist,2|2,,,,", ["row 3", "same run as row 2"]),
    ],
)
def test_bad_row_is_refused_with_a_sentence(tmp_path, rows, said):
    with pytest.raises(DataError) as refusal:
        _read(tmp_path, rows + "\n")
    for part in said:
        assert part in str(refusal.value)
