"""Fits that are kept: found where nothing that decides them changed, and then the same to the last bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.curves import kept_fits
from budget.curves.fitting.fit import fit_curves
from budget.curves.kept_fits import KeptFits, keeping_fits, kept_by_task
from budget.curves.kept_lanes import KeptLanes, keeping_lanes
from budget.curves.records.writing import record_of
from budget.tables import kept_files
from budget.tables.files.text import json_text
from budget.tables.kept_files import KeptFiles
from budget.tables.runs import runs_from_frame
from budget.tables.shards import Shard
from budget.tables.specialist_runs import specialists_beside
from tests import ROOT
from tests.simulate import TRUTHS, table

LANES = [np.arange(12.0).reshape(6, 2), np.arange(6) % 4]
OWNERS = ["a", "b", "a", "c", "b", "a"]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_fits, "WORTH", 0.0)
    return KeptFits(KeptFiles(tmp_path / "fits"))


def number_of(kept) -> int:
    """How many results stand in the folder."""
    return len(kept_files._indexed(kept.files.folder))


class Sum:
    """Of each lane; which lanes were computed is on record."""

    def __init__(self, lanes):
        self.lanes, self.computed = lanes, []

    def __call__(self, chosen):
        self.computed += chosen.tolist()
        numbers, codes = self.lanes
        return [numbers[chosen].sum(axis=1), np.stack([codes[chosen]] * 3, axis=1)]


def asked(kept, lanes=LANES, owners=None, constants=("law", 3), device="cpu", work="curves"):
    """What is returned, and which lanes were computed for it."""
    compute = Sum(lanes)
    with keeping_fits(kept):
        leaves = kept_by_task(work, device, constants, lanes, compute, owners)
    for leaf, expected in zip(leaves, Sum(lanes)(np.arange(len(lanes[0]))), strict=True):
        assert leaf.dtype == expected.dtype and np.array_equal(leaf, expected)
        assert leaf.flags.c_contiguous
    return compute.computed


def test_what_is_kept_is_not_computed_again(kept):
    assert asked(kept) == [0, 1, 2, 3, 4, 5]
    assert asked(kept) == []
    assert kept.curves == 6
    assert asked(KeptFits(KeptFiles(kept.files.folder))) == []


def test_only_lanes_that_changed_are_computed(kept):
    asked(kept)
    changed = [LANES[0].copy(), LANES[1]]
    changed[0][[1, 4]] += 1e-15 * 64
    assert asked(kept, changed) == [1, 4]
    assert asked(kept, [each[[4, 1, 1, 0]] for each in changed]) == []


@pytest.mark.parametrize("other", [{"constants": ("law", 4)}, {"device": "gpu"}, {"work": "planned"}])
def test_another_constant_device_or_work_finds_nothing(kept, other):
    asked(kept)
    assert len(asked(kept, **other)) == 6


def test_lanes_of_one_owner_are_kept_together(kept):
    assert asked(kept, owners=OWNERS) == [0, 1, 2, 3, 4, 5]
    assert number_of(kept) == 3
    assert asked(kept, owners=OWNERS) == []
    changed = [LANES[0].copy(), LANES[1]]
    changed[0][4] += 1
    assert asked(kept, changed, owners=OWNERS) == [1, 4]


def test_outside_of_the_block_nothing_is_kept(kept):
    compute = Sum(LANES)
    for _ in range(2):
        kept_by_task("curves", "cpu", (), LANES, compute)
    assert len(compute.computed) == 12
    assert not kept.files.folder.exists()


def test_a_part_of_what_is_kept_is_not_kept_apart(kept):
    def outer(chosen):
        return kept_by_task("inner", "cpu", (), LANES, Sum(LANES))

    with keeping_fits(kept):
        kept_by_task("outer", "cpu", (), LANES, outer)
    assert number_of(kept) == 6


def test_a_shard_computes_all_that_it_hands_on(kept):
    asked(kept)
    with keeping_lanes(KeptLanes(Shard(0, 2))):
        assert len(asked(kept)) == 6


def test_what_is_computed_in_no_time_is_not_kept(kept, monkeypatch):
    monkeypatch.setattr(kept_fits, "WORTH", 10.0)
    asked(kept)
    assert len(asked(kept)) == 6


def test_no_lanes_are_no_fit(kept):
    empty = [each[:0] for each in LANES]
    assert asked(kept, empty) == []


OTHERS = [
    b"", b"\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"seconds": 1, "leaves": [["<f8", [9]]]}\n12',
    b'{"seconds": 1, "leaves": [["O", [1]]]}\n12345678',
]  # fmt: skip


@pytest.mark.parametrize("content", OTHERS)
def test_a_file_that_says_something_else_is_computed_anew(kept, content):
    groups = list(np.arange(6)[:, None])
    for key in kept_fits._keys(("curves", ("law", 3)), "cpu", LANES, groups):
        kept.files.add(key, content)
    kept.files.flush()
    assert len(asked(kept)) == 6
    assert asked(kept) == []


@given(st.data())
def test_any_changed_bit_of_an_input_changes_the_key(data):
    """And the keys of no other tasks."""
    numbers = np.random.default_rng(data.draw(st.integers(0, 9))).normal(size=(5, 3, 2))
    lanes = [numbers, np.arange(5, dtype=np.uint64), np.array([True, False, True, True, False])]
    groups = list(np.arange(5)[:, None])
    before = kept_fits._keys((), "cpu", lanes, groups)
    which = data.draw(st.integers(0, 1))
    changed = lanes[which].copy()
    raw = changed.reshape(-1).view(np.uint8)
    place, bit = data.draw(st.integers(0, raw.size - 1)), data.draw(st.integers(0, 7))
    raw[place] ^= 1 << bit
    after = kept_fits._keys((), "cpu", [changed if at == which else lane for at, lane in enumerate(lanes)], groups)
    task = place // (raw.size // 5)
    assert [one != other for one, other in zip(before, after, strict=True)] == [at == task for at in range(5)]
    assert len({*before, *after}) == 6


def test_shapes_and_kinds_of_inputs_are_part_of_the_key():
    lanes = np.zeros((4, 6))
    groups = list(np.arange(4)[:, None])
    keys = [
        kept_fits._keys((), "cpu", each, groups)[0]
        for each in ([lanes], [lanes.reshape(4, 2, 3)], [lanes.astype(int)], [lanes[:, :3], lanes[:, 3:]])
    ]
    assert len(set(keys)) == 4


def numbers_of(curves) -> str:
    return json_text(record_of(curves))


def shared_models() -> pd.DataFrame:
    """Two tasks measured by specialists and by models of both."""
    frames = []
    for strategy, penalty in (("specialist", 1.0), ("generalist", 1.1)):
        frame = table({name: TRUTHS[name] for name in ("prose", "code")}, noise=0.01, shared=strategy != "specialist")
        frame = frame.assign(strategy=strategy, value=frame["value"] * penalty)
        frames.append(frame.assign(run=strategy + frame["run"].astype(str)))
    frame = pd.concat(frames, ignore_index=True)
    models = np.where(frame["strategy"] == "specialist", frame["task"], "prose|code")
    return frame.assign(model_tasks=models, n_tasks=np.where(frame["strategy"] == "specialist", 1, 2))


def of_law(law, **options):
    frame = table(TRUTHS, noise=0.01).assign(unique_tokens=lambda rows: rows["tokens"] / 4)
    return frame, lambda rows: fit_curves(rows, law, draws=12, **options)


def of_shared():
    frame = shared_models()

    def fit(rows):
        every = runs_from_frame(rows)
        mine = runs_from_frame(rows[rows["strategy"] == "generalist"])
        return fit_curves(mine, draws=12, beside=specialists_beside(every, mine.tasks))

    return frame, fit


CASES = {
    "surface": lambda: of_law("surface"),
    "beside": of_shared,
    "surface_repeat": lambda: of_law("surface_repeat"),
    "trend": lambda: of_law("trend", scale="flops"),
    "chinchilla": lambda: of_law("chinchilla"),
    "power": lambda: of_law("power", scale="flops"),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * case.startswith("surface_repeat")) for case in CASES]
)
def test_curves_are_the_same_whether_none_some_or_all_of_them_were_kept(case, kept):
    frame, fit = CASES[case]()
    fresh = numbers_of(fit(frame))
    with keeping_fits(kept):
        assert numbers_of(fit(frame)) == fresh
    files = {path.name for path in kept.files.folder.iterdir()}
    with keeping_fits(kept):
        assert numbers_of(fit(frame)) == fresh
    assert {path.name for path in kept.files.folder.iterdir()} == files
    assert kept.seconds > 0
    row = frame.index[frame["task"] == "code"][7]
    changed = frame.copy()
    changed.loc[row, "value"] *= 1.01
    with keeping_fits(kept):
        some = numbers_of(fit(changed))
    assert some == numbers_of(fit(changed)) != fresh


def test_a_changed_row_has_its_own_task_fitted_and_no_other(kept):
    frame, fit = CASES["surface"]()
    with keeping_fits(kept):
        fit(frame)
        changed = frame.copy()
        changed.loc[frame.index[frame["task"] == "code"][7], "value"] *= 1.01
        changed = pd.concat([changed.iloc[:1].assign(task="new", run="new"), changed])  # and all others move down
        fit(changed)
    assert kept.curves == 2


@pytest.mark.parametrize("tasks", [["0"], ["3", "1"]], ids=str)
def test_trends_are_the_same_whoever_is_fitted_with_them(tasks, kept):
    """Tasks of few and of many runs: neither the padding nor the longest task's rows move a digit."""
    random = np.random.default_rng(0)
    counts = {"0": 7, "1": 30, "2": 11, "3": 45}
    frame = pd.concat(
        pd.DataFrame({"task": name, "x": np.geomspace(1, 1e3, rows)}).assign(
            value=lambda part: (0.5 + part["x"] ** -0.3) * np.exp(0.01 * random.normal(size=len(part)))
        )
        for name, rows in counts.items()
    )

    def fit(names):
        return fit_curves(frame[frame["task"].isin(names)], "trend", scale="x", draws=12)

    with keeping_fits(kept):
        fit(tasks)
        together = fit(counts)
    assert kept.curves == len(tasks)
    assert numbers_of(together) == numbers_of(fit(counts))


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [[0], [5, 2], list(range(1, 12)), list(range(11, -1, -1))], ids=str)
def test_tasks_of_real_runs_are_the_same_whoever_is_fitted_with_them(tasks, kept):
    """What is kept holds in every file: the last digits of no sum hang on how many tasks stand side by side."""
    frame = pd.read_csv(ROOT / "data" / "runs.csv")
    frame = frame[frame["strategy"] == "specialist"]
    names = list(dict.fromkeys(frame["task"]))[:12]
    with keeping_fits(kept):
        fit_curves(frame[frame["task"].isin([names[task] for task in tasks])], draws=40)
        together = fit_curves(frame[frame["task"].isin(names)], draws=40)
    assert kept.curves == len(tasks)
    assert numbers_of(together) == numbers_of(fit_curves(frame[frame["task"].isin(names)], draws=40))


FITTING = """
import sys
from pathlib import Path
from budget.curves.fitting.fit import fit_curves
from budget.curves.kept_fits import KeptFits, keeping_fits
from budget.tables.kept_files import KeptFiles
from tests.simulate import TRUTHS, table
with keeping_fits(KeptFits(KeptFiles(Path(sys.argv[1])))) as kept:
    fit_curves(table(TRUTHS, noise=0.01), "surface", draws=12)
print(kept.curves)
"""


@pytest.mark.slow
def test_another_process_finds_them(tmp_path):
    """The key hangs on no address and no order of a process's own."""
    words = [sys.executable, "-c", FITTING, str(Path(tmp_path) / "fits")]
    found = [
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip() for _ in range(2)
    ]
    assert found == ["0", "3"]


def test_a_law_that_is_searched_for_is_neither_searched_nor_traced_again(kept, monkeypatch):
    rows, fit = of_law("chinchilla", discrepancy=False)
    with keeping_fits(kept):
        first = numbers_of(fit(rows))

    def computed(*_, **__):
        raise AssertionError("a lane that was kept")

    monkeypatch.setattr("budget.curves.fitting.batching._in_chunks", computed)
    monkeypatch.setattr("budget.curves.fitting.batching._tree", computed)
    with keeping_fits(KeptFits(KeptFiles(kept.files.folder))):
        assert numbers_of(fit(rows)) == first
