"""Columns of one family are asked about as tasks, with the pattern that takes them and no other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.errors import DataError
from budget.tables.reading.families import task_families
from budget.tables.reading.wide import wide_columns
from budget.tables.runs import read_runs

GRID = [(n, d) for n in (1e7, 4e7, 2e8) for d in (1e9, 4e9, 2e10)]
TASKS = ("c4", "wiki", "arc_easy", "HumanEval")
SHAPES = (
    "eval/{}/loss",
    "eval/{}",
    "{} ppl",
    "loss {}",
    "summary.eval/{}_loss",
    "results.{}.nll",
    "val_{}",
    "test-{}-acc",
)
BESIDE = (
    "train/loss",
    "lr",
    "grad_norm",
    "epoch",
    "eval/samples_per_second",
    "eval_interval",
    "tokens_per_sec",
    "_step",
)


def taken(wide: str, names: list[str]) -> list[str]:
    """The columns that ``--wide`` takes."""
    return list(wide_columns(names, wide, "runs.csv"))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_pattern_takes_the_family_and_nothing_beside_it(shape):
    names = [shape.format(task) for task in TASKS]
    pattern, columns = next(iter(task_families([*BESIDE, *names]).items()))
    assert columns == names == taken(pattern, [*BESIDE, *names])


@given(st.lists(st.sampled_from([*BESIDE, *(shape.format(task) for shape in SHAPES for task in TASKS)]), unique=True))
def test_every_pattern_takes_two_columns_or_more_and_exactly_these(names):
    for pattern, columns in task_families(names).items():
        assert len(columns) > 1 and columns == taken(pattern, names)
        assert not set(columns) & set(BESIDE)


def test_two_measures_and_two_splits_are_no_tasks():
    assert not task_families(["eval/loss", "eval/accuracy", "train/loss", "val loss", "test loss", "eval_runtime"])


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (["eval/loss_web", "eval/acc_qa", "eval/bpb_code"], ["eval/*"]),
        (["eval/loss_web", "eval/loss_code", "eval/acc_qa"], ["eval/loss_*", "eval/*"]),
        (["eval/loss_web", "eval/loss_code"], ["eval/loss_*"]),
        (["eval/c4_loss", "eval/wiki_acc", "eval/wiki_f1"], []),
    ],
)
def test_tasks_with_a_measure_each_are_a_family_and_measures_of_one_task_are_none(names, patterns):
    assert list(task_families([*BESIDE[:-1], *names])) == [
        each if each != "eval/*" else ",".join(names) for each in patterns
    ]
    assert list(task_families(names)) == patterns


def test_the_refusal_of_tasks_with_a_measure_each_names_the_pattern(tmp_path):
    path = table(tmp_path, {"eval/loss_web": 1, "eval/acc_qa": 1, "eval/bpb_code": 1})
    with pytest.raises(DataError, match=r"make a task of each of .* with --wide 'eval/\*'"):
        read_runs(path)


def table(tmp_path, more: dict):
    """A file with params, tokens and these columns, each some times a law."""
    frame = pd.DataFrame({"params": [n for n, _ in GRID], "tokens": [d for _, d in GRID]})
    for at, (name, cell) in enumerate(more.items()):
        frame[name] = [cell * (2 + at + 1e3 / n**0.4) for n, _ in GRID]
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path / "runs.csv"


@pytest.mark.parametrize("value", ["train/loss", "loss", "train_loss", "eval/accuracy"])
@pytest.mark.parametrize("shape", ["eval/{}/loss", "val/{}"])
def test_a_loss_of_training_or_an_average_is_not_taken_before_held_out_tasks(tmp_path, value, shape):
    path = table(tmp_path, {value: 1, **{shape.format(task): 1 for task in TASKS}})
    pattern = shape.format("*")
    with pytest.raises(DataError) as caught:
        read_runs(path)
    assert f"'{value}' may be the value" in str(caught.value) and f"--wide '{pattern}'" in str(caught.value)
    assert read_runs(path, wide=pattern).tasks == TASKS
    assert read_runs(path, columns={"value": value}, task="t").tasks == ("t",)


def test_one_call_asks_for_all_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"Groesse": ["a", "b"], "Ergebnis": [1, 2], "Zweite": [3, 4]}).to_csv(
        tmp_path / "runs.csv", index=False
    )
    with pytest.raises(DataError) as caught:
        read_runs("runs.csv")
    for said in ("columns 'value', 'task', 'params' are missing", "--wide Ergebnis,Zweite", "tokens, flops or x"):
        assert said in str(caught.value)


def test_several_questions_stand_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = table(tmp_path, {"n_params": 9, "loss": 1, "acc": 1})
    frame = pd.read_csv(path).rename(columns={"params": "N"})
    frame.to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        read_runs("runs.csv")
    assert "meant by params" in str(caught.value)
    assert "; and 'loss', 'acc' may each be meant by value" in str(caught.value)


@pytest.mark.parametrize("said", [{"value": "val_loss", "task": "dataset"}, {"value": "val_loss"}])
def test_a_law_of_one_scale_is_not_fitted_where_the_other_stands_in_the_file(tmp_path, said):
    lines = [f"{n},{d},{2 + 1 / at},a" for at, (n, d) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join(["args.params,tokens,val_loss,dataset", *lines]))
    task = {} if "task" in said else {"task": "a"}
    runs = read_runs(tmp_path / "runs.csv", columns=said, **task)
    np.testing.assert_array_equal(runs.scale["params"], [n for n, _ in GRID])
    assert any("--column params=args.params" in note for note in runs.notes)


def test_a_row_of_units_below_the_header_is_left_out_and_counted(tmp_path):
    lines = [f"m{at},{n},{d},{2 + 1 / at}" for at, (n, d) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join(["model,N,D,loss", ",params,tokens,nats", *lines]))
    runs = read_runs(tmp_path / "runs.csv")
    assert len(runs.value) == len(GRID)
    assert "1 of 10 rows is left out: 1 below the header without any number." in runs.notes


def test_names_of_kinds_are_no_runs_of_which_the_last_row_counts(tmp_path):
    lines = [f"base,{n},{d},{2 + 1 / at},{100 * at}" for at, (n, d) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join(["Name,N,D,eval/loss,_step", *lines]))
    assert len(read_runs(tmp_path / "runs.csv").value) == len(GRID)


def test_statistics_beside_a_column_are_no_family_of_their_own():
    names = [f"run{at} - eval/loss{end}" for at in range(3) for end in ("", "__MIN", "__MAX")]
    assert list(task_families(names)) == ["* - eval/loss"]


def test_percentages_are_numbers_and_said(tmp_path):
    lines = [f"{n},{d},{50 + at / 2:g}%,{60 + at} %" for at, (n, d) in enumerate(GRID)]
    (tmp_path / "runs.csv").write_text("\n".join(["params,tokens,ARC acc (%),PIQA acc (%)", *lines]))
    with pytest.raises(DataError, match=r"--wide '\* acc \(%\)'"):
        read_runs(tmp_path / "runs.csv")
    runs = read_runs(tmp_path / "runs.csv", wide="* acc (%)")
    assert (
        runs.higher_is_better.all()
        and runs.tasks == ("ARC", "PIQA")
        and runs.value.min() == 50
        and runs.value.max() == 68
    )
    assert any("ARC acc (%), PIQA acc (%) are read as percentages" in note for note in runs.notes)


def test_two_counters_of_steps_are_asked_about_only_where_runs_have_several_rows(tmp_path):
    header = "run_id,params,tokens,eval/loss,_step,train/global_step"
    lines = [f"m{at},{n},{d},{2 + 1 / at},{at},{2 * at}" for at, (n, d) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join([header, *lines]))
    assert len(read_runs(tmp_path / "runs.csv").value) == len(GRID)
    again = [f"m{at},{n},{2 * d},{1 + 1 / at},{9 * at},{20 * at}" for at, (n, d) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join([header, *lines, *again]))
    with pytest.raises(DataError, match="may each be meant by step"):
        read_runs(tmp_path / "runs.csv")


def test_what_never_changes_is_no_rival(tmp_path):
    lines = [f"{n},{d},512,{2 + 1 / at}" for at, (n, d) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join(["config.params,config.tokens,config.model.d,eval/loss", *lines]))
    np.testing.assert_array_equal(read_runs(tmp_path / "runs.csv").scale["tokens"], [d for _, d in GRID])


@pytest.mark.parametrize("said", ["steps*tokens (k)", "tokens (k) * steps", "steps*64*1,000"])
def test_a_product_of_columns_and_numbers_counts(tmp_path, said):
    lines = [f"m{at},{n},{at},64,{2 + 1 / at}" for at, (n, _) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join(["run,n_params,steps,tokens (k),val_loss", *lines]))
    runs = read_runs(tmp_path / "runs.csv", columns={"tokens": said})
    np.testing.assert_array_equal(runs.scale["tokens"], [64e3 * at for at in range(1, 10)])


def test_where_only_steps_tell_tokens_it_is_said(tmp_path):
    lines = [f"m{at},{n},{at},524288,{2 + 1 / at}" for at, (n, _) in enumerate(GRID, 1)]
    (tmp_path / "runs.csv").write_text("\n".join(["name,n_params,train_steps,tokens_per_step,val_loss", *lines]))
    notes = read_runs(tmp_path / "runs.csv").notes
    assert any("'train_steps', 'tokens_per_step' may tell them" in note and "tokens=A*B" in note for note in notes)
