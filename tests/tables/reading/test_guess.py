"""Columns are told by their names, aloud, and asked about where two may be meant."""

import shlex

import numpy as np
import pytest

from budget.commands.options.option_types import Condition
from budget.errors import DataError
from budget.tables.reading.synonyms import SYNONYMS, may_be, normalised, without_prefix
from budget.tables.runs import read_runs

GRID = [(n, d) for n in (1e7, 4e7, 2e8) for d in (1e9, 4e9, 2e10)]


def loss(params: float, tokens: float) -> float:
    return round(1.7 + 400 / params**0.34 + 410 / tokens**0.28, 6)


def table(*names: str, more=()) -> str:
    """A file with params, tokens and loss under these names, and further columns (name, cell of a row number)."""
    header = ",".join((*names, *(name for name, _ in more)))
    rows = [",".join(map(str, (n, d, loss(n, d), *(cell(at) for _, cell in more)))) for at, (n, d) in enumerate(GRID)]
    return "\n".join((header, *rows)) + "\n"


def read(tmp_path, text, **reading):
    (tmp_path / "runs.csv").write_text(text)
    return read_runs(tmp_path / "runs.csv", **reading)


def options(note: str) -> dict:
    """What the printed options say to ``read_runs``."""
    words = shlex.split(note.partition("with: ")[2])
    said: dict = {"columns": {}}
    while words:
        word = words.pop(0)
        if word == "--column":
            canonical, _, theirs = words.pop(0).partition("=")
            said["columns"][canonical] = theirs
        elif word == "--higher-is-better":
            said["higher_is_better"] = True
        else:
            said[word.strip("-").replace("-", "_")] = words.pop(0)
    return said


@pytest.mark.parametrize(
    "names",
    [
        ("N", "D", "loss"),
        ("params", "tokens", "loss"),
        ("model_size", "tokens_seen", "eval/loss"),
        ("num_params", "train_tokens", "val_loss"),
        ("non_embedding_params", "Tokens", "Loss"),
        ("config.N", "config.tokens", "summary.eval/loss"),
        ("params.n_params", "params.tokens", "metrics.eval_loss"),
        ("Num Params", "Train Tokens", "Validation Loss"),
    ],
)
def test_names_of_the_field_are_read_and_the_printed_options_say_the_same(tmp_path, names):
    runs = read(tmp_path, table(*names))
    np.testing.assert_array_equal(runs.scale["params"], [n for n, _ in GRID])
    np.testing.assert_array_equal(runs.scale["tokens"], [d for _, d in GRID])
    np.testing.assert_array_equal(runs.value, [loss(*each) for each in GRID])
    assert runs.tasks == (without_prefix(names[2]),)
    again = read(tmp_path, table(*names), **options(runs.notes[0]))
    assert again.tasks == runs.tasks and not any("is read, by" in note for note in again.notes)
    np.testing.assert_array_equal(again.value, runs.value)


def test_nothing_is_guessed_where_enough_was_said(tmp_path):
    text = table("N", "D", "loss", more=[("C", lambda at: 1)])
    runs = read(tmp_path, text, columns={"params": "N", "tokens": "D", "value": "loss"}, task="a")
    assert runs.flops_assumed and not any("is read, by" in note for note in runs.notes)
    assert not read(tmp_path, text).flops_assumed  # where it guesses, it guesses all there is


def test_a_perplexity_is_read_as_its_logarithm(tmp_path):
    lines = table("N", "D", "eval/perplexity").splitlines()
    cells = [line.split(",") for line in lines[1:]]
    text = "\n".join([lines[0], *(f"{n},{d},{float(np.exp(float(v)))!r}" for n, d, v in cells)])
    runs = read(tmp_path, text)
    np.testing.assert_allclose(runs.value, [loss(*each) for each in GRID], rtol=1e-12)
    assert "--column 'value=log(eval/perplexity)'" in runs.notes[0]
    np.testing.assert_array_equal(read(tmp_path, text, **options(runs.notes[0])).value, runs.value)


def test_a_score_is_higher_is_better(tmp_path):
    runs = read(tmp_path, table("N", "D", "accuracy"))
    assert runs.higher_is_better.all() and "--higher-is-better" in runs.notes[0]


def test_a_held_out_loss_comes_before_one_of_training_and_a_loss_before_its_perplexity(tmp_path):
    more = [("train/loss", lambda at: 9), ("eval/perplexity", lambda at: 99)]
    assert read(tmp_path, table("N", "D", "eval/loss", more=more)).tasks == ("eval/loss",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([("val_loss", lambda at: 2 + at)], "'eval/loss', 'val_loss' may each be meant by value; say which: "
         "--column value=eval/loss or --column value=val_loss, or make a task of each with --wide"),
        ([("eval/accuracy", lambda at: 0.5)], "'eval/loss', 'eval/accuracy' may each be meant by value"),
        ([("non_embedding_params", lambda at: GRID[at][0] * 0.7)], "may each be meant by params"),
        ([("train_tokens", lambda at: 5)], "may each be meant by tokens"),
        ([("corpus", lambda at: "ab"[at % 2])], "'corpus' may tell tasks apart; say which: --column task=corpus, or "
         "--task eval/loss where all rows are of one task"),
    ],
)  # fmt: skip
def test_what_may_be_two_things_is_asked_with_the_choices(tmp_path, more, said):
    with pytest.raises(DataError) as caught:
        read(tmp_path, table("N", "D", "eval/loss", more=more))
    assert said in str(caught.value)


def test_columns_that_say_the_same_are_one(tmp_path):
    more = [("model_size", lambda at: f"{GRID[at][0] / 1e6:g}M"), ("model_name", lambda at: f"m-{GRID[at][0]:g}"),
            ("user", lambda at: "ab"[at % 2]), ("Notes", lambda at: "")]  # fmt: skip
    assert "--column params=N " in read(tmp_path, table("N", "D", "loss", more=more)).notes[0]


def test_an_export_of_runs_is_read_as_it_is(tmp_path):
    state = ["finished"] * 6 + ["crashed", "failed", "running"]
    text = "\n".join(
        ["Name,State,ID,Created,config.N,config.tokens,config.lr,summary._step,summary.eval/loss"]
        + [f"run-{at % 3},{state[at]},id{at},2026-01-0{at + 1},{n},{d},0.1,{at},{loss(n, d) if at else 'NaN'}"
           for at, (n, d) in enumerate(GRID)]
    )  # fmt: skip
    runs = read(tmp_path, text)
    assert len(runs.value) == 5 and runs.run_names == tuple(f"id{at}" for at in range(1, 6))
    assert (
        "4 of 9 rows are left out: 1 of crashed runs and 1 of failed runs and 1 of runs that are still running and 1 "
        "whose value is NaN or infinite." in runs.notes
    )


def test_of_a_log_the_last_measured_row_of_each_run_counts(tmp_path):
    rows = [f"r{run},{1 + run}e7,{step},{step}e6,{value}" for run in range(3) for step, value in
            [(0, ""), (10, 3 - run / 9), (20, 2 - run / 9), (30, "")]]  # fmt: skip
    text = "\n".join(["run_id,N,global_step,tokens_seen,eval/loss", *rows]).replace(",0e6,", ",1,")
    runs = read(tmp_path, text)
    np.testing.assert_allclose(runs.value, [2, 2 - 1 / 9, 2 - 2 / 9])
    assert runs.notes[0].endswith("--last-of run")
    assert len(read(tmp_path, text, every=True).value) == 6
    with pytest.raises(DataError, match="leave one of them out"):
        read(tmp_path, text, every=True, last_of="run_id")


def test_no_name_stands_for_two_columns():
    names = [name for groups in SYNONYMS.values() for group in groups for name in group]
    assert len(set(names)) == len(names) and all(normalised(name) == name for name in names)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("a=b", ("a", "b")), ("a!=", ("a!", "")), ("params<1.3B", ("params<", "1.3B")), ("x >= 5", ("x>=", "5")),
     ("name~^gpt=", ("name~", "^gpt=")), ("name!~x", ("name!~", "x"))],
)  # fmt: skip
def test_conditions_have_an_operator(text, pair):
    assert Condition().convert(text, None, None) == pair


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ([("params<", "40M")], 3), ([("params<=", "4e7")], 6), ([("params>", "10M"), ("params<", "1B")], 6),
        ([("name~", "^a")], 5), ([("name!~", "^a")], 4), ([("when<", "2026-01-04")], 3), ([("note", "")], 8),
        ([("note!", "")], 1), ([("params!", "4e7")], 6), ([("params", "40M"), ("params", "10,000,000")], 6),
    ],
)  # fmt: skip
def test_conditions_keep_the_rows_that_meet_them(tmp_path, where, rows):
    more = [("name", lambda at: f"{'ab'[at % 2]}-x"), ("when", lambda at: f"2026-01-0{at + 1}"),
            ("note", lambda at: "odd" if at == 3 else "")]  # fmt: skip
    text = table("params", "tokens", "value", more=more)
    assert len(read(tmp_path, text, task="t", where=where).value) == rows


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ([("params<", "many")], "--where params<many: 'many' is no number and no date"),
        ([("name~", "(")], "not a regular expression"),
        ([("name~", "zzz")], "no row has name~zzz; it holds: a-x"),
        ([("size>", "1")], "--where size>1 names a column that is not there"),
    ],
)
def test_conditions_that_cannot_be_met_are_named(tmp_path, where, said):
    text = table("params", "tokens", "value", more=[("name", lambda at: "a-x")])
    with pytest.raises(DataError, match=said.replace("(", r"\(").replace(")", r"\)")):
        read(tmp_path, text, task="t", where=where)


@pytest.mark.parametrize("size", ["model_size_params", "params_total", "Model Size (params)", "size_in_params"])
def test_a_size_that_is_named_at_length_is_no_column_to_be_passed_over(tmp_path, size):
    """A law of tokens alone was fitted to models of six sizes, whose column nobody named."""
    found, plain = (read(tmp_path, table(name, "tokens", "loss")) for name in (size, "params"))
    np.testing.assert_array_equal(found.scale["params"], plain.scale["params"])
    wide = read(tmp_path, table(size, "training_tokens", "bench00"), wide="bench*")
    np.testing.assert_array_equal(wide.scale["params"], plain.scale["params"])
    assert wide.tasks == ("bench00",)


@pytest.mark.parametrize("name", ["tokens_per_batch", "active_params", "params_per_layer", "flops_per_second"])
def test_words_that_make_another_thing_of_a_name_are_heeded(name):
    assert may_be(name) is None
