"""The command line ``budget``: one command a file, which is imported when the command is asked for.

See docs/decisions/126-one-command-a-file.md.
"""

import click

from budget.commands.running.group import Commands, CommandTable

SECTIONS = {
    "To begin": ("demo", "import", "check"),
    "From runs to a plan": ("fit", "predict", "backtest", "plan", "allocate"),
    "More tasks, fewer models": ("grow", "focus", "groups"),
    "Measuring": ("next", "measure", "join"),
    "Afterwards and beside": ("compare", "portfolio", "laws"),
    "About the commands": ("schema", "completion"),
}
"""Heading → commands, in the order of work."""

ELSEWHERE = {
    "demo": f"{__name__}.starting.demo",
    "import": f"{__name__}.importing.import_runs",
    "schema": f"{__name__}.starting.schema",
    "join": f"{__name__}.joining.join",
    "completion": f"{__name__}.starting.completion",
}
"""A command that has no module of its name beside this one → its module, whose function has the module's name."""

COMMANDS = tuple(name for names in SECTIONS.values() for name in names)
"""All of them, in that order."""

MODULES = tuple(name for name in COMMANDS if name not in ELSEWHERE)
"""Commands that are each the function of its name in the module of its name."""


@click.group(
    cls=Commands,
    commands=CommandTable({name: ELSEWHERE.get(name, f"{__name__}.{name}") for name in COMMANDS}),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="budget")
def main() -> None:
    """Plan a fixed compute or data budget over many tasks, from measured runs.

    The main job: budget plan runs.csv --budget 1e21 --out plan
    """


main.sections = SECTIONS
