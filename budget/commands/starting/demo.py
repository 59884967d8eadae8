"""``budget demo``: a folder with a small worked example.

See docs/decisions/155-from-a-raw-export-in-five-calls.md.
"""

import click

from budget.commands.running.group import command

BUDGET = "1e13"
"""FLOPs: half as many again as the largest of the runs took."""

QUICK = ("--draws", "100", "--where", "strategy=specialist")
"""What lets the example be there in seconds on a new machine: shared models take a program of their own to compile."""

FILES = ("runs.csv", "tasks.csv", "README.md")
"""What stands in the folder beside the plan."""


@command("demo", "budget demo", "budget demo try --quiet")
@click.argument("folder", metavar="FOLDER", default="budget-demo")
def demo(folder: str) -> None:
    """Make FOLDER with a small worked example: measured runs, the settings of their tasks, and the plan made of them.

    The runs are of small models that this project trained, alone and on several tasks. The plan is of one model for
    each task; README.md in the folder says how shared models join it, and what else to try.
    """
    from importlib import resources
    from pathlib import Path

    from budget.commands.plan import plan
    from budget.commands.running.output import echo_notes
    from budget.errors import DataError
    from budget.tables.files.write_files import write_text

    home = Path(folder)
    if home.exists():
        raise DataError(f"{folder}: it is there already; give another name, such as 'budget demo {home.name}-2'.")
    shipped = resources.files("budget.commands").joinpath("demo_data")
    for name in FILES:
        write_text(home / name, shipped.joinpath(name).read_text(encoding="utf-8"))
    words = [str(home / "runs.csv"), "--tasks", str(home / "tasks.csv"), "--budget", BUDGET, *QUICK]
    with plan.make_context(
        "plan", [*words, "--out", str(home / "plan")], parent=click.get_current_context()
    ) as planning:
        plan.invoke(planning)
    echo_notes(f"{home / 'plan' / 'report.html'} is the plan, and {home / 'README.md'} says what to try next.")
