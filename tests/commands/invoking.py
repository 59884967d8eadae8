"""Running a command line in this process, and what its tables promise."""

import io

import pandas as pd
from click.testing import CliRunner, Result

from budget.commands import main

ALLOCATION = [
    "task", "strategy", "spend", "spend_low", "spend_high", "params", "tokens", "predicted", "low", "high",
    "marginal", "binding", "extrapolation", "status", "params_low", "params_high", "tokens_low", "tokens_high",
]  # fmt: skip


GROWTH = ["order", "n_tasks", "task", "strategy", "spend", "predicted", "low", "high", "target_met"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def refused(*arguments: object) -> str:
    """The sentence of a command that must exit with 1 and print nothing else."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    sentence = result.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Error: ")
    return sentence


def frame_of(result: Result) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(result.stdout))
