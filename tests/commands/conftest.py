"""Files that the commands read."""

import pytest

from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests.simulate import TRUTHS, table


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "runs.csv"
    table(TRUTHS, noise=0.01).to_csv(path, index=False)
    return path


@pytest.fixture
def curves(tmp_path, noisy_curves):
    path = tmp_path / "curves.json"
    path.write_text(json_text(record_of(noisy_curves)))
    return path
