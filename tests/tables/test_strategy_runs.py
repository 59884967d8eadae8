"""Which rows of a file served which tasks in which way."""

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.loss_score_pairs import read_pair
from budget.tables.runs import read_runs
from budget.tables.specialist_runs import of_specialists
from budget.tables.strategy_runs import StrategyRuns

SPECIALIST, PAIR = StrategyRuns("specialist", ()), StrategyRuns("generalist", ("a", "b"))

SEVERAL = """task,run,x,value,strategy
a,s1,1,3,specialist
b,s2,1,4,specialist
b,g1,2,3,generalist
a,g1,2,2,generalist
c,g1,2,1,generalist
a,m1,2,2,moe
b,m1,2,3,moe
"""


def read(tmp_path, text, **reading):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    return read_runs(path, **reading)


def strategies_of(runs):
    """Each row's strategy."""
    return [runs.strategy_runs[number] for number in runs.strategy_index]


def test_without_a_strategy_the_tasks_of_a_run_say_how_it_served_them(tmp_path):
    text = "task,run,x,value\na,s1,1,3\na,g1,2,2\nb,g1,2,3\nb,s2,1,4\n"
    runs = read(tmp_path, text)
    assert strategies_of(runs) == [SPECIALIST, PAIR, PAIR, SPECIALIST]
    assert runs.strategy == "" and len(runs.strategy_runs) == 2


def test_the_file_s_words_are_kept_and_each_set_is_an_arm_of_its_own(tmp_path):
    runs = read(tmp_path, SEVERAL)
    assert runs.strategy_runs == (
        SPECIALIST,
        StrategyRuns("generalist", ("a", "b", "c")),
        StrategyRuns("moe", ("a", "b")),
    )
    assert runs.strategy_index.tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_both_words_for_specialists_are_one_arm(tmp_path):
    text = "task,run,x,value,strategy\na,1,1,3,specialists\nb,2,1,3,specialist\nb,3,2,2,\n"
    runs = read(tmp_path, text)
    assert runs.strategy_runs == (SPECIALIST,) and runs.strategy_index.tolist() == [0, 0, 0]


def test_model_tasks_says_what_a_model_serves_whether_or_not_it_was_measured_there(tmp_path):
    text = "task,x,value,strategy,model_tasks\na,1,3,moe,a|b|z\nb,1,3,moe,a|b|z\na,1,2,,\na,2,2,,a\n"
    runs = read(tmp_path, text)
    assert strategies_of(runs) == [StrategyRuns("moe", ("a", "b", "z"))] * 2 + [SPECIALIST] * 2


@pytest.mark.parametrize("named", ["b|a", " a | b ", "a|b|a", "a||b|"])
def test_the_order_and_spelling_of_model_tasks_do_not_matter(tmp_path, named):
    text = f"task,run,x,value,model_tasks\na,g1,1,3,a|b\nb,g1,1,3,a|b\na,g2,2,2,{named}\nb,g2,2,2,{named}\n"
    assert read(tmp_path, text).strategy_runs == (PAIR,)


def test_the_order_of_a_run_s_rows_does_not_matter(tmp_path):
    text = "task,run,x,value\na,g1,1,3\nb,g1,1,3\nb,g2,2,2\na,g2,2,2\n"
    assert read(tmp_path, text).strategy_runs == (PAIR,)


def test_one_task_named_twice_is_a_specialist(tmp_path):
    assert read(tmp_path, "task,x,value,model_tasks\na,1,3,a|a\n").strategy_runs == (SPECIALIST,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "task,run,x,value,strategy\na,1,1,3,specialist\na,2,1,3,specialist\nb,2,1,3,specialist\n",
            "row 3, column 'strategy': a specialist serves one task, and its run serves a, b; correct",
        ),
        (
            "task,x,value,strategy,model_tasks\na,1,3,specialists,a|b\n",
            "row 2, column 'strategy': a specialist serves one task",
        ),
        (
            "task,x,value,model_tasks\na,1,3,a|b\nc,1,3,a|b\n",
            r"row 3, column 'model_tasks': 'a\|b' does not name the row's own task 'c'; add it",
        ),
    ],
)
def test_contradictions_are_refused_by_row(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        read(tmp_path, text)
    assert "runs.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_specialists_are_picked_and_the_rest_is_named(tmp_path):
    runs = read(tmp_path, SEVERAL.replace("a,s1", "c,s0").replace("a,g1", "c,g1", 1).replace("c,g1,2,1", "a,g1,2,1"))
    alone = of_specialists(runs)
    assert alone.tasks == ("c", "b") and alone.value.tolist() == [3, 4] and alone.task.tolist() == [0, 1]
    assert alone.row.tolist() == [2, 3] and alone.strategy == "specialist"
    assert alone.trained_models == 2 and runs.trained_models > 2  # the report counts what its curves rest on
    assert alone.notes[:-1] == runs.notes
    assert "the curves are the specialists' (2 rows), and the 5 rows of generalist, moe are left to" in alone.notes[-1]
    assert alone.scale["x"].tolist() == [1, 1] and len(alone.metric) == len(alone.chance) == 2


def test_a_file_s_order_of_tasks_is_kept(tmp_path):
    runs = read(tmp_path, SEVERAL + "c,s3,1,5,specialist\n", where=[])
    assert of_specialists(runs).tasks == ("a", "b", "c")


@pytest.mark.parametrize(
    "text",
    [
        "task,run,x,value\na,1,1,3\nb,2,1,3\n",
        "task,run,x,value\na,1,1,3\nb,1,1,3\nb,2,1,3\n",  # nothing is stated: a file as there always were
        "task,run,x,value,strategy\na,1,1,3,moe\nb,1,1,3,moe\n",
        "task,run,x,value,strategy\na,1,1,3,moe\nb,1,1,3,moe\na,2,1,3,trunk\nb,2,1,3,trunk\n",
        "task,run,x,value,strategy\na,1,1,3,specialists\nb,2,1,3,\n",
    ],
)
def test_files_of_one_strategy_or_without_specialists_come_back_as_they_are(tmp_path, text):
    runs = read(tmp_path, text)
    assert of_specialists(runs) is runs


def test_an_empty_cell_beside_a_stated_strategy_counts_as_what_its_run_says(tmp_path):
    runs = read(tmp_path, "task,run,x,value,strategy\na,1,1,3,\nb,2,1,3,\na,3,2,2,moe\nb,3,2,2,moe\n")
    alone = of_specialists(runs)
    assert alone.row.tolist() == [2, 3] and "the 2 rows of moe" in alone.notes[-1]


def test_both_metrics_of_a_link_are_the_specialists(tmp_path):
    rows = [
        f"{task},{task}{way}{x},{x},{3 / x if metric == 'nats' else 0.1 * x},{metric},{way}"
        for task in "ab"
        for way in ("specialist", "moe")
        for x in (1, 2)
        for metric in ("nats", "accuracy")
    ]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["task,run,x,value,metric,strategy", *rows]))
    for mine in read_pair(path, "nats", "accuracy"):
        assert len(mine.value) == 4 and all("specialist" in mine.run_names[run] for run in mine.run)


def test_rows_keep_their_arm_when_some_are_chosen(tmp_path):
    runs = read(tmp_path, SEVERAL)
    assert strategies_of(runs.keep(np.array([5, 0]))) == [StrategyRuns("moe", ("a", "b")), SPECIALIST]
