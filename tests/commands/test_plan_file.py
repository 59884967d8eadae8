"""``plan.toml``: what makes a plan again, bit for bit, and what of it is refused."""

import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest

from budget.tables.files.manifest import PLAN_FILES
from tests.commands.invoking import refused, run
from tests.simulate import TRUTHS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with runs, tasks, and a plan of them."""
    folder = tmp_path_factory.mktemp("plans")
    random = np.random.default_rng(0)
    rows = [
        (task, size, (floor + height * (size / 1e3) ** -slope) * np.exp(0.003 * random.normal()), "web")
        for task, (floor, height, slope) in {"a": (1, 2, 0.3), "b": (0.5, 1, 0.2)}.items()
        for size in np.geomspace(1e3, 1e6, 12)
    ]
    pd.DataFrame(rows, columns=["task", "size", "value", "corpus"]).to_csv(folder / "my runs.csv", index=False)
    (folder / "tasks.csv").write_text("task,weight\na,1\nb,2\n")
    plan = run(
        "plan", folder / "my runs.csv", "--column", "x=size", "--where", "corpus=web", "--tasks", folder / "tasks.csv",
        "--budget", "3M", "--no-backtest", "--draws", "20", "--out", folder / "first",
    )  # fmt: skip
    assert plan.exit_code == 0, plan.stderr
    return folder


def test_it_makes_the_same_plan_bit_for_bit(made):
    assert run("plan", made / "first" / "plan.toml", "--out", made / "again").exit_code == 0
    names = {path.name for path in (made / "first").iterdir()}
    assert names == {path.name for path in (made / "again").iterdir()} <= set(PLAN_FILES) and "plan.toml" in names
    for name in names:
        assert (made / "first" / name).read_bytes() == (made / "again" / name).read_bytes(), name


def test_it_holds_the_words_and_the_way_to_the_files(made):
    text = (made / "first" / "plan.toml").read_text()
    for line in ('runs = "../my runs.csv"', 'column = ["x=size"]', 'where = ["corpus=web"]', 'tasks = "../tasks.csv"',
                 'budget = "3M"', "backtest = false", 'draws = "20"'):  # fmt: skip
        assert line in text.splitlines()
    assert str(made) not in text and "out =" not in text


def test_later_words_have_the_last_say(made):
    result = run("plan", made / "first" / "plan.toml", "--budget", "1e6", "--out", made / "smaller")
    assert result.exit_code == 0
    assert 'budget = "1e6"' in (made / "smaller" / "plan.toml").read_text()
    assert pd.read_csv(made / "smaller" / "allocation.csv")["spend"].sum() == pytest.approx(1e6)


def test_a_folder_moves_with_its_inputs(made, tmp_path):
    shutil.copytree(made, tmp_path / "moved")
    result = run("plan", tmp_path / "moved" / "first" / "plan.toml", "--out", tmp_path / "moved" / "again")
    assert result.exit_code == 0
    assert (tmp_path / "moved" / "again" / "plan.json").read_bytes() == (made / "first" / "plan.json").read_bytes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runs = ", "not readable as TOML"),
        ('budget = "1e6"', "it names no runs"),
        ('runs = "r.csv"\nbudgte = 3', "'budgte' is no option of 'budget plan'"),
        ('runs = "r.csv"\nout = "x"', "'out' is no option"),
        ('runs = "none.csv"\nbudget = "1e6"', "none.csv"),
    ],
)
def test_what_is_wrong_in_it_is_said_in_a_sentence(tmp_path, text, said):
    (tmp_path / "plan.toml").write_text(text)
    assert said in refused("plan", tmp_path / "plan.toml", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_commands_of_a_report_run_in_its_folder(runs, tmp_path, monkeypatch):
    (tmp_path / "my tasks.csv").write_text("task,weight\n" + "".join(f"{name},1\n" for name in TRUTHS))
    words = ["--tasks", tmp_path / "my tasks.csv", "--budget", "1e21", "--no-backtest", "--draws", "20"]
    assert run("plan", runs, *words, "--out", tmp_path / "plan").exit_code == 0
    (said,) = re.findall(
        r"budget (next curves\.json .*? --out next\.csv)", (tmp_path / "plan" / "report.md").read_text()
    )
    assert "'../my tasks.csv'" in said
    monkeypatch.chdir(tmp_path / "plan")
    done = run(*shlex.split(said))
    assert done.exit_code == 0 and (tmp_path / "plan" / "next.csv").is_file(), done.stderr
