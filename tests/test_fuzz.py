"""Whatever files and options hold, a command answers: with a result, or with one sentence. See ``tests.fuzz``."""

import pytest

from tests.fuzz.cases import outcome_of

SEED, CASES, PARTS = 5, 300, 10
"""The same cases each time, in parts that the workers share; ``python -m tests.fuzz`` draws others."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_answer_is_a_result_or_a_sentence(part, tmp_path, monkeypatch):
    for number in range(part, CASES, PARTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        outcome = outcome_of(f"{SEED}-{number}", folder)
        assert outcome.kind != "FAILED", f"case {SEED}-{number}, {outcome.line}: {outcome.said}"
