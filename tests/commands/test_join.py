"""Shards joined are what one process writes, to the byte; what does not belong together is refused in a sentence."""

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from budget.commands import main
from budget.tables.shards import Shard
from tests import ROOT

SEED = random.Random(18)
SHARDS = [SEED.randint(2, 9) for _ in range(3)]
COMMANDS = [
    "fit runs.csv --draws 20",
    "fit runs.csv --law chinchilla --draws 12",
    "fit runs.csv --law power --scale flops --draws 12 --pool",
    "fit runs.csv --law trend --scale flops --draws 20 --tasks tasks.csv --backtest",
    "backtest runs.csv --law trend --law power --scale flops --draws 10 --json",
    "focus shared.csv --law power --scale flops --draws 10 --budget 1e19 --json",
]
WHOLE = "fit runs.csv --law trend --scale flops --draws 8 --json"
TRAINER = "import json, sys; print(json.dumps({'value': 1 / (1 + float(sys.argv[1])), 'note': 'x' * int(sys.argv[1])}))"


def budget(words: str, *more: str) -> Result:
    return CliRunner().invoke(main, [*shlex.split(words), *more], catch_exceptions=False)


def refusal(words: str, *more: str) -> str:
    result = budget(words, *more)
    assert result.exit_code == 1 and result.stdout == "" and result.stderr.count("Error: ") == 1, result.output
    return result.stderr.rpartition("Error: ")[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0)
    rows = []
    for task in ("code", "prose", "maths", "law", "chess"):
        floor, power = numbers.uniform(0.5, 2), numbers.uniform(0.2, 0.5)
        for run in range(numbers.integers(7, 14)):
            params, tokens = 10 ** numbers.uniform(6, 9), 10 ** numbers.uniform(8, 11)
            fall = (params / 1e6) ** -power + (tokens / 1e8) ** -power
            rows.append((task, f"{task}-{run}", params, tokens, floor + fall * np.exp(0.01 * numbers.normal())))
    frame = pd.DataFrame(rows, columns=["task", "run", "params", "tokens", "value"])
    frame.assign(flops=6 * frame["params"] * frame["tokens"]).to_csv("runs.csv", index=False)
    write_shared()
    Path("tasks.csv").write_text("task,best\ncode,0.1\nlaw,0.2\n")
    Path("plan.csv").write_text("task,seed\n" + "".join(f"code,{seed}\n" for seed in range(9)))
    Path("train.py").write_text(TRAINER)


def write_shared():
    """Three tasks alone, and in two models that serve all of them or two."""
    rows = [
        (strategy, models, f"{models}-{task}-{run}", task, 10.0 ** (16 + run / 2), floor + 10 ** (-0.1 * run))
        for strategy, models, floor in (
            ("specialist", "", 1.0), ("generalist", "code|law|prose", 1.1), ("generalist", "code|law", 1.05),
        )
        for task in (models or "code|law|prose").split("|")
        for run in range(7)
    ]  # fmt: skip
    columns = ["strategy", "model_tasks", "run", "task", "flops", "value"]
    pd.DataFrame(rows, columns=columns).to_csv("shared.csv", index=False)


def parts_of(words: str, number: int) -> list[str]:
    names = [f"part-{index}.npz" for index in range(number)]
    for index, name in enumerate(names):
        result = budget(words, "--shard", f"{index}/{number}", "--out", name)
        assert result.exit_code == 0, result.output
    return names


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("number", sorted(set(SHARDS)))
def test_shards_joined_are_the_single_process_to_the_byte(words, number):
    whole = budget(words, "--out", "whole.json")
    parts = parts_of(words, number)
    SEED.shuffle(parts)
    joined = budget("join", *parts, "--out", "joined.json")
    assert joined.exit_code == 0, joined.output
    assert Path("joined.json").read_bytes() == Path("whole.json").read_bytes()
    assert joined.stdout == whole.stdout and "were not in the shards" not in joined.stderr


def test_parts_that_do_not_belong_together_are_refused():
    words = "fit runs.csv --law trend --scale flops --draws 8"
    parts = parts_of(words, 3)
    assert "Of 3 shards 1/3 is missing; join all" in refusal("join", parts[0], parts[2], "--out", "x.json")
    assert "shard 0/3 again, which part-0.npz is too" in refusal("join", parts[0], *parts, "--out", "x.json")
    budget("fit runs.csv --law trend --scale flops --draws 8 --seed 1 --shard 1/3 --out seed.npz")
    said = refusal("join", parts[0], "seed.npz", parts[2], "--out", "x.json")
    assert "seed.npz: made with another options than part-0.npz" in said and "--seed 1" in said
    budget("fit runs.csv --law trend --scale flops --draws 8 --shard 1/4 --out four.npz")
    assert "four.npz: shard 1/4, and part-0.npz is one of 3" in refusal(
        "join", parts[0], "four.npz", parts[2], "--out", "x.json"
    )
    whole = Path("part-1.npz").read_bytes()
    Path("part-1.npz").write_bytes(whole[: len(whole) // 2])
    assert "part-1.npz: this is no part of a result, or it is damaged" in refusal("join", *parts, "--out", "x.json")
    Path("part-1.npz").write_bytes(whole)
    assert "runs.csv: a table beside parts of a fit" in refusal("join", *parts, "runs.csv", "--out", "x.json")
    assert "gone.npz: there is no such file" in refusal("join gone.npz --out x.json")
    with open("runs.csv", "a") as runs:
        runs.write("code,code-99,1e6,1e8,2.5,6e14\n")
    budget(f"{words} --shard 1/3 --out other.npz")
    said = refusal("join", parts[0], "other.npz", parts[2], "--out", "x.json")
    assert "other.npz: made with another content of its input files than part-0.npz (runs.csv: " in said
    assert "part-0.npz: made with other input files than are here now" in refusal("join", *parts, "--out", "x.json")
    assert not Path("x.json").exists()


def test_parts_of_other_versions_are_refused(monkeypatch):
    from budget.commands.joining import fitted_parts

    parts = parts_of("fit runs.csv --law trend --scale flops --draws 8", 2)
    here = fitted_parts._versions()
    monkeypatch.setattr(fitted_parts, "_versions", lambda: {**here, "jax": "0.0.1"})
    assert f"made with other versions than are here now (jax: {here['jax']} and 0.0.1)" in refusal(
        "join", *parts, "--out", "x.json"
    )


@pytest.mark.parametrize("shard", ["4/4", "-1/4", "1", "a/b", "1/0", "1/2/3"])
def test_a_shard_is_i_of_n(shard):
    result = budget(f"fit runs.csv --out x.npz --shard {shard}")
    assert result.exit_code == 2 and "write I/N with I from 0 to N-1" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fit runs.csv --shard 0/2", "name it with --out"),
        ("fit runs.csv --shard 0/2 --out x --decide", "--decide needs all tasks"),
        ("fit runs.csv --shard 0/2 --out x --sensitivity", "--sensitivity needs all tasks"),
        ("backtest runs.csv --shard 0/2 --out x --decide", "--decide needs all tasks"),
    ],
)
def test_what_needs_all_tasks_has_no_shards(words, said):
    result = budget(words)
    assert result.exit_code == 2 and said in result.stderr and not Path("x").exists()


def measure(*words: str) -> Result:
    return budget("measure plan.csv --command", f"{shlex.quote(sys.executable)} -S train.py {{seed}}", *words)


def without_seconds(path: str) -> str:
    """A file of runs but for the time that each took, which no two processes share."""
    return pd.read_csv(path, dtype=str, keep_default_na=False).assign(seconds="").to_csv()


@pytest.mark.parametrize("number", sorted({1, *SHARDS}))
def test_measured_shards_joined_are_the_single_process(number):
    assert measure("--out", "whole.csv").exit_code == 0
    names = [f"runs-{index}.csv" for index in range(number)]
    for index, name in enumerate(names):
        result = measure("--out", name, "--shard", f"{index}/{number}")
        assert result.exit_code == 0, result.output
    full = [name for name in names if Path(name).exists()]
    SEED.shuffle(names)
    joined = budget("join", *names, "--out", "runs.csv")
    assert joined.exit_code == 0 and "runs.csv holds 9 rows" in joined.stderr, joined.output
    assert without_seconds("runs.csv") == without_seconds("whole.csv")
    assert sorted(run for name in full for run in pd.read_csv(name)["run"]) == sorted(pd.read_csv("runs.csv")["run"])


def test_measured_shards_that_do_not_belong_together_are_refused():
    for index in range(2):
        measure("--out", f"runs-{index}.csv", "--shard", f"{index}/2")
    both = ["join", "runs-0.csv", "runs-1.csv", "--out", "x.csv"]
    text = Path("runs-0.csv").read_text()
    lost = text.splitlines()[-1].split(",")[1]
    Path("runs-0.csv").write_text("\n".join(text.splitlines()[:-1]) + "\n")
    assert f"runs-0.csv: it lacks run '{lost}', which is of shard 0/2" in refusal(*both)
    Path("runs-0.csv").write_text(text + text.splitlines()[-1].replace(lost, "else") + "\n")
    assert "runs-0.csv: it holds run 'else', which is not of shard 0/2" in refusal(*both)
    Path("runs-0.csv").write_text(text)
    Path("plan.csv").write_text(Path("plan.csv").read_text() + "code,9\n")
    measure("--out", "runs-1.csv", "--shard", "1/2")
    assert "runs-1.csv: of another plan than runs-0.csv" in refusal(*both)
    Path("runs-1-shard.json").write_text("{}")
    assert "runs-1-shard.json: not what 'budget measure --shard' writes" in refusal(*both)
    Path("runs-1-shard.json").unlink()
    assert "runs-1-shard.json is not beside it, so its shard is not complete" in refusal(*both)
    assert not Path("x.csv").exists()


@pytest.mark.slow
def test_a_join_that_is_killed_leaves_no_half_file():
    for index in range(2):
        measure("--out", f"runs-{index}.csv", "--shard", f"{index}/2")
    assert budget("join runs-0.csv runs-1.csv --out whole.csv").exit_code == 0
    whole, moments, ends = Path("whole.csv").read_bytes(), random.Random(0), []
    words = [sys.executable, str(ROOT / "cli.py"), "join", "runs-0.csv", "runs-1.csv", "--out", "runs.csv"]
    begin = time.monotonic()
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    usual = time.monotonic() - begin
    Path("runs.csv").write_bytes(b"before\n")
    for _ in range(int(os.environ.get("BUDGET_KILLS", "15"))):
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)})
        time.sleep(moments.uniform(0.5, 1.2) * usual)
        process.send_signal(signal.SIGKILL)
        ends.append(process.wait())
        assert Path("runs.csv").read_bytes() in (b"before\n", whole)
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert Path("runs.csv").read_bytes() == whole and -signal.SIGKILL in ends
    assert not [path.name for path in Path().iterdir() if path.name.startswith(".budget")]


def test_names_belong_to_the_same_part_everywhere():
    assert [name for name in ("code", "prose", "maths") if Shard(2, 3).holds(name)] == ["code", "maths"]
    for number in SHARDS:
        held = np.array([Shard(index, number).held(map(str, range(2000))) for index in range(number)])
        assert (held.sum(axis=0) == 1).all() and (np.abs(held.mean(axis=1) * number - 1) < 0.2).all()


def test_a_part_is_of_its_own_lanes_and_little_else():
    from budget.tables.files.part_files import read_part

    parts = parts_of(WHOLE.removesuffix(" --json"), 3)
    lanes = [
        {name: len(array) for name, array in read_part(part)[1].items() if name.endswith("/lanes")} for part in parts
    ]
    programs = set().union(*lanes)
    near = next(name for name in programs if name.startswith("search"))
    # of each task one search for each of 100 draws, and for the two curves amid them one from each of three starts
    used = [each["task"] for each in json.loads(budget(WHOLE).stdout)["tasks"] if each["working"][0] is not None]
    held = [sum(Shard(index, 3).held(used)) for index in range(3)]
    assert [each.get(near, 0) for each in lanes] == [106 * tasks for tasks in held] and sum(held) > 2
    assert json.loads(json.dumps(read_part(parts[0])[0]))["shard"] == [0, 3]
