"""What a column's name says of its unit is heeded, said, and never done twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.errors import DataError
from budget.tables.reading.header_units import header_unit
from budget.tables.reading.synonyms import SYNONYMS, known_as, normalised
from budget.tables.runs import read_runs

UNITS = {3: "k", 6: "M", 9: "bn", 12: "trillion"}
WRITTEN = ("{} ({})", "{} [{}]", "{}_{}", "{} in {}", "{} (in {})")
GRID = [(n, d) for n in (19e6, 124.4e6, 1.3e9) for d in (0.4e9, 5e9, 21.7e9)]


def written(tmp_path, params: str, tokens: str, cells) -> pd.DataFrame:
    table = pd.DataFrame([(n, d, 2 + 1 / at) for at, (n, d) in enumerate(cells, 1)], columns=[params, tokens, "loss"])
    table.to_csv(tmp_path / "runs.csv", index=False)
    return table


@pytest.mark.parametrize("power", UNITS)
@pytest.mark.parametrize("shape", WRITTEN)
def test_a_unit_in_a_name_is_heeded_and_said(tmp_path, power, shape):
    names = [shape.format(name, UNITS[power]) for name in ("params", "train_tokens")]
    written(tmp_path, *names, [(f"{n / 10**power:.12g}", f"{d / 10**power:.12g}") for n, d in GRID])
    runs = read_runs(tmp_path / "runs.csv")
    np.testing.assert_array_equal(runs.scale["params"], [n for n, _ in GRID])  # to the last bit
    np.testing.assert_array_equal(runs.scale["tokens"], [d for _, d in GRID])
    assert sum("by its name." in note for note in runs.notes) == 2
    said = {"params": names[0], "tokens": names[1], "value": "loss"}
    again = read_runs(tmp_path / "runs.csv", columns=said, task="t")  # as the printed options say it
    np.testing.assert_array_equal(again.scale["params"], runs.scale["params"])


@pytest.mark.parametrize(("cell", "count"), [("1.3B", 1.3e9), ("1,300", 1.3e9), ("1300", 1.3e9), ("1.3e3", 1.3e9)])
def test_a_cell_with_a_letter_has_its_own_unit(tmp_path, cell, count):
    written(tmp_path, "params (M)", "tokens", [(cell, 1e9), ("19", 1e9), ("124M", 2e9)])
    np.testing.assert_array_equal(read_runs(tmp_path / "runs.csv").scale["params"], [count, 19e6, 124e6])


def test_plain_counts_under_a_unit_are_refused(tmp_path):
    written(tmp_path, "params (B)", "tokens", [(19e6, 1e9), (124e9, 2e9)])
    with pytest.raises(DataError, match=r"'params .B.' is in billions by its name, and holds 1.24e.11"):
        read_runs(tmp_path / "runs.csv")


@given(st.text("abcdefghijklmnop_ /.()[]0123456789", max_size=20), st.sampled_from(sorted(UNITS)))
def test_a_stated_unit_is_found_and_nothing_else_goes(bare, power):
    name = f"{bare.strip()} ({UNITS[power]})".strip()
    if bare.strip():
        assert header_unit(name) == (bare.strip(), power)
    found, stated = header_unit(bare)
    assert (found == bare.strip()) == (stated is None) and bare.strip().startswith(found)


def test_no_name_of_the_field_is_taken_for_a_unit():
    names = [name for groups in SYNONYMS.values() for group in groups for name in group]
    assert all(known_as(name) == normalised(name) for name in names)
    for name in ("layer_b", "loss (c4)", "n_b", "x_t", "model_size_gb", "tokens_per_batch"):
        assert known_as(name) == normalised(name)


@pytest.mark.parametrize(
    ("params", "tokens"),
    [
        ("Million params", "Billion tokens"), ("M params", "B tokens"), ("Mio Parameter", "Mrd Tokens"),
        ("params (x1e6)", "tokens (×1e9)"), ("params (×10⁶)", "tokens (×10⁹)"), ("params (e6)", "tokens (e9)"),
        ("params/1e6", "tokens / 10^9"), ("params x 1e6", "tokens·1e9"), ("params 10^6", "tokens 10**9"),
        ("Params in Mio.", "Tokens in Mrd."), ("params (millions of)", "tokens (billions of)"),
        ("#Params (millions)", "#Tokens (billions)"), ("params M", "tokens B"),
    ],
)  # fmt: skip
def test_a_unit_is_heeded_wherever_people_write_it(tmp_path, params, tokens):
    lines = [f"a,{n},{d},{2 + 1 / n + 1 / d}" for n in (20, 60, 1200) for d in (1, 3, 20)]
    (tmp_path / "runs.csv").write_text("\n".join([f'task,"{params}","{tokens}",loss', *lines]), encoding="utf-8")
    runs = read_runs(tmp_path / "runs.csv")
    assert set(runs.scale["params"]) == {20e6, 60e6, 1.2e9} and set(runs.scale["tokens"]) == {1e9, 3e9, 2e10}


@pytest.mark.parametrize(
    "name",
    [
        "params (M, non-emb)",
        "ln params",
        "lg(params)",
        "params (MB)",
        "params (GiB)",
        "params per million",
        "log10 params",
    ],
)
def test_a_unit_that_is_not_understood_never_stands_for_single_ones(tmp_path, name):
    lines = [f"a,{n},{d},{2 + 1 / n + 1 / d}" for n in (20, 60, 1200) for d in (1e9, 3e9, 2e10)]
    (tmp_path / "runs.csv").write_text("\n".join([f'task,"{name}",tokens,loss', *lines]))
    runs = read_runs(tmp_path / "runs.csv")
    assert "params" not in runs.scale
    assert any("no column is params, so that curves are of tokens alone" in note for note in runs.notes)
