"""The command line ``budget``: one command a file, which is imported when the command is asked for.

See docs/decisions/126-one-command-a-file.md.
"""

import click

from budget.commands.running.group import Commands, CommandTable

MODULES = (
    "allocate",
    "backtest",
    "check",
    "fit",
    "focus",
    "groups",
    "grow",
    "laws",
    "measure",
    "next",
    "plan",
    "portfolio",
    "predict",
)
"""The commands, each the function of its name in the module of its name."""


@click.group(
    cls=Commands,
    commands=CommandTable({name: f"{__name__}.{name}" for name in MODULES}),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="budget")
def main() -> None:
    """Plan a fixed compute or data budget over many tasks, from measured runs.

    The main job: budget plan runs.csv --budget 1e21 --out plan
    """
