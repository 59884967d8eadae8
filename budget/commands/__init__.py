"""The command line ``budget``: one command a file, which is imported when the command is asked for.

See docs/decisions/126-one-command-a-file.md.
"""

import click

from budget.commands.running.group import Commands, CommandTable

MODULES = (
    "allocate",
    "backtest",
    "check",
    "compare",
    "fit",
    "focus",
    "groups",
    "grow",
    "import",
    "laws",
    "measure",
    "next",
    "plan",
    "portfolio",
    "predict",
)
"""The commands, each the function of its name in the module of its name."""

ELSEWHERE = {"import": f"{__name__}.importing.import_runs"}
"""A command whose name Python keeps for itself → the module, whose function has the module's name."""


@click.group(
    cls=Commands,
    commands=CommandTable({name: f"{__name__}.{name}" for name in MODULES} | ELSEWHERE),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="budget")
def main() -> None:
    """Plan a fixed compute or data budget over many tasks, from measured runs.

    The main job: budget plan runs.csv --budget 1e21 --out plan
    """
