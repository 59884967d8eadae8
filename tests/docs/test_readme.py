"""README's commands are the ones that decide what lands, and what it shows is what comes out."""

import re
import shlex

import pytest
from click.testing import CliRunner

from budget.commands import main
from budget.curves.laws.table import LAWS
from budget.tables.tasks import USED
from tests import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
SHELL = [text.strip() for language, text in BLOCKS if language == "sh"]


def test_the_first_two_commands_are_those_of_ci():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in SHELL[:2]:
        assert "\n" not in command
        assert command in script
    assert README.index(SHELL[1]) < 3000, "both stand on the first screen"


def test_every_command_law_and_column_is_in_the_docs():
    names = ("evidence", "files", "index")
    pages = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in names}
    for name in main.commands:
        assert f"| `{name} " in pages["index"], name
    for law in LAWS.values():
        assert law.formula in pages["evidence"]
    for column in USED:
        assert f"`{column}`" in pages["files"]


@pytest.mark.parametrize("line", [line for line in "\n".join(SHELL[2:]).splitlines() if line.startswith("budget ")])
def test_shown_commands_parse(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    result = CliRunner().invoke(main, [*words, "--out", "x"] if words[0] == "plan" else words)
    # usage is right (else 2); the file is not there, but for the one command that reads none
    assert result.exit_code == (0 if words[0] == "laws" else 1), f"{line}: {result.output}"


@pytest.mark.slow
def test_the_shown_output_is_the_real_one(shown):
    result = shown(f"budget {SHELL[0].rpartition('bin/budget ')[2]}")
    assert result.exit_code == 0, result.output
    block = next(text for language, text in BLOCKS if language == "text").strip().splitlines()
    said = result.stderr.splitlines()
    first = next(at for at, line in enumerate(said) if line.startswith(block[0][:4]))
    number = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
    for shown, printed in zip(block, said[first : first + len(block)], strict=True):
        assert re.sub(number, "#", shown) == re.sub(number, "#", printed)
        for one, other in zip(*(re.findall(number, line) for line in (shown, printed)), strict=True):
            # 5e-3, or a unit of the last digit that is shown, which rounding alone may move
            digits = len(one.partition("e")[0].partition(".")[2])
            unit = 10.0 ** (int(one.partition("e")[2] or 0) - digits)
            assert float(other) == pytest.approx(float(one), rel=5e-3, abs=1.001 * unit), (one, other)


@pytest.mark.slow
def test_the_python_example_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(next(text for language, text in BLOCKS if language == "python"), {})
    assert "spend" in capsys.readouterr().out
