"""``budget.toml``: said once beside a file, used by every command."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.commands.running.project import toml_text
from tests.commands.invoking import frame_of, refused, run
from tests.tables.reading.test_guess import GRID, loss

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@pytest.fixture
def export(tmp_path):
    rows = [f"r{at},{n},{d},{loss(n, d)},{'web' if at % 2 else 'code'}" for at, (n, d) in enumerate([*GRID, *GRID])]
    path = tmp_path / "export.csv"
    path.write_text("\n".join(["ID,config.N,config.tokens,eval/loss,corpus", *rows]))
    return path


def test_a_reading_is_kept_and_used(export):
    words = ("--where", "corpus=web", "--task", "loss")
    first = run("check", export, *words, "--save")
    assert first.exit_code == 0 and "Kept in" in first.stderr
    kept = tomllib.loads((export.parent / "budget.toml").read_text())
    assert kept == {
        "export.csv": {
            "column": ["params=config.N", "tokens=config.tokens", "value=eval/loss", "run=ID"],
            "where": ["corpus=web"],
            "task": "loss",
        }
    }
    again = run("check", export)
    assert again.stdout == first.stdout and "--where corpus=web" in again.stderr
    assert "is read, by" not in again.stderr
    other = run("check", export, "--where", "corpus=code")
    assert "--where" not in other.stderr.partition("budget.toml:")[2].splitlines()[0]
    record = json.loads(run("check", export, "--json").stdout)
    assert record == json.loads(run("check", export, *words, "--json").stdout)


def test_a_folder_states_its_devices_and_tasks(curves):
    (curves.parent / "budget.toml").write_text('device = "A100"\nutilisation = 0.5\nprice = "2/A100-hour"\n')
    days = frame_of(run("allocate", curves, "--budget", "1000 GPU-days"))
    assert days["spend"].sum() == pytest.approx(1000 * 86400 * 312e12 * 0.5, rel=1e-6)
    money = frame_of(run("grow", curves, "--budget", "$48,000"))
    assert money["spend"][money["n_tasks"] == 1].sum() == pytest.approx(1000 * 86400 * 312e12 * 0.5, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not readable as TOML"),
        ("devise = 1", "'devise' is no setting; the nearest are device"),
        ('["a.csv"]\nwher = 1', "'wher' is no setting; the nearest are where"),
        ("utilisation = 40", "utilisation is '40'; it is a share of the peak"),
        ("device = 1", "device is '1'; write it as text"),
        ('["export.csv"]\ncolumn = ["value"]', "column: 'value' is not of the form NAME=VALUE"),
    ],
)
def test_what_it_cannot_say_is_refused(export, text, said):
    (export.parent / "budget.toml").write_text(text)
    assert said in refused("check", export)


@given(st.dictionaries(WORDS.filter(bool), st.dictionaries(st.sampled_from(["task", "wide"]), WORDS), max_size=3))
def test_what_is_written_is_read(said):
    assert tomllib.loads(toml_text(said)) == said
