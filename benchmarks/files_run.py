"""How many files of the package each main command runs, and how long ``--help`` takes, of this tree or another.

    python benchmarks/files_run.py [TREE] [--list COMMAND] [--write]

A command's files are the modules of ``budget`` that Python has loaded when it ends. fit, allocate, focus and plan run
on the project's own runs with few draws.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import figures

HERE = Path(__file__).resolve().parents[1]
PROGRAM = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as ended:
    assert not ended.code, ended.code
finally:
    print("\\nLOADED", *sorted(name for name in sys.modules if name.split(".")[0] == "budget"))
"""
HELPS = 9
"""Starts of ``--help``, of which the fastest is printed."""


def loaded(tree: Path, *arguments: str) -> list[str]:
    """The modules of the package that a command of a tree leaves loaded."""
    words = [sys.executable, "-c", PROGRAM, str(tree / "cli.py"), *arguments]
    environment = os.environ | {"BUDGET_KEEP": "0"}  # the fits too are to be timed
    done = subprocess.run(words, capture_output=True, text=True, cwd=tree, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.rpartition("LOADED")[2].split()


def seconds(tree: Path) -> float:
    """The fastest of several starts of ``--help``."""
    taken = []
    for _ in range(HELPS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, str(tree / "cli.py"), "--help"], check=True, capture_output=True)
        taken.append(time.perf_counter() - begin)
    return min(taken)


def main() -> None:
    """Run the commands and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, nargs="?", default=HERE, help="a checkout of this project")
    parser.add_argument("--list", metavar="COMMAND", help="print the names of its files")
    given = parser.parse_args(figures.arguments())
    tree = given.tree.resolve()
    runs, tasks = (str(HERE / "data" / name) for name in ("runs.csv", "tasks.csv"))
    with tempfile.TemporaryDirectory() as folder:
        curves = f"{folder}/curves.json"
        few = ("--draws", "10", "--tasks", tasks)
        commands = {
            "--help": ("--help",),
            "fit": ("fit", runs, *few, "--out", curves),
            "allocate": ("allocate", curves, "--tasks", tasks, "--budget", "1e14"),
            "focus": ("focus", runs, *few, "--budget", "1e14"),
            "plan": ("plan", runs, *few, "--budget", "1e14", "--out", f"{folder}/plan"),
        }
        rows = []
        for name, arguments in commands.items():
            with contextlib.suppress(BrokenPipeError):
                modules = loaded(tree, *arguments)
                rows.append((f"`{name}`", len(modules)))
                if given.list == name:
                    print(*modules, sep="\n")
    files = sorted((tree / "budget").rglob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    rows.append((f"the package ({lines:,} lines)", len(files)))
    rows.append(("seconds that `--help` takes", f"{seconds(tree):.2f}"))
    figures.put("files_run", figures.table(("modules of `budget` that a command leaves loaded", "files"), rows))


if __name__ == "__main__":
    main()
