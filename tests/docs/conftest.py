"""A reader's folder, where each command that the pages and README show is run once, however many show it."""

import shlex
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import Result

from tests import ROOT
from tests.commands.invoking import run

FIT = "budget fit data/runs.csv --tasks data/tasks.csv --out curves.json"
PLAN = "budget plan data/runs.csv --tasks data/tasks.csv --budget 1e14 --out plan"


@pytest.fixture(scope="session")
def reader(tmp_path_factory) -> Path:
    """A folder with the project's data, and the curves that the tutorial fits once something was shown."""
    folder = tmp_path_factory.mktemp("reader")
    for name in ("data", "docs"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="session")
def shown(reader) -> Callable[[str], Result]:
    """A command line → what it does in the reader's folder; the two that many pages build on are run once."""
    ran: dict[str, Result] = {}

    def do(line: str) -> Result:
        program, *words = shlex.split(line)
        assert program == "budget"
        if line not in ran:
            with chdir(reader):
                result = run(*words)
            if line not in (FIT, PLAN):
                return result
            ran[line] = result
        return ran[line]

    assert do(FIT).exit_code == 0, do(FIT).output
    return do
