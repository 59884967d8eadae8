"""Whether two trees of this project give the same answers: all that many commands write, number by number.

    python benchmarks/same_answers.py OTHER_TREE [--data DATA] [--keep FOLDER] [--only NAME ...]

Runs each case by this tree's ``cli.py`` and by OTHER_TREE's, on the project's own runs and, with --data, on public sets
of runs, and prints every number that differs by more than 1e-9 relatively, every text and every field that differs.
With --keep the results of OTHER_TREE stay in FOLDER and are read from there the next time.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

TOLERANCE = 1e-9
"""Relative difference from which two numbers are not the same."""

ROUNDING = 1e-14
"""Difference that is none: a gap is what rounding leaves of two numbers of order one."""

HERE = Path(__file__).resolve().parents[1]
OWN = "{own}/runs.csv"
SIX = ("--where", "task=markov_1", "--where", "task=grammar", "--where", "task=modular", "--where", "task=lookup_easy")
VARIES = {"versions", "version", "created", "seconds", "sha256", "package_sha256", "checksum", "schema", "file_sha256"}
"""Fields of JSON that speak of the machine, the time or the bytes of a file."""

Case = tuple[str, tuple[str, ...]]
"""Name of what is written, and the command; ``{own}``, ``{data}`` and ``{out}`` are folders."""

OWN_CASES: tuple[Case, ...] = (
    ("check.csv", ("check", OWN, "--tasks", "{own}/tasks.csv")),
    ("curves.json", ("fit", OWN, "--tasks", "{own}/tasks.csv", "--draws", "60")),
    ("point.json", ("fit", OWN, "--tasks", "{own}/tasks.csv", "--draws", "0", "--law", "power", "--scale", "flops")),
    ("power.json", ("fit", OWN, "--tasks", "{own}/tasks.csv", "--draws", "40", "--law", "power", "--scale", "flops")),
    ("shared.json", ("fit", OWN, "--law", "shared", "--where", "strategy=generalist", "--draws", "20")),
    ("m4.json", ("fit", OWN, *SIX, "--law", "m4", "--scale", "flops", "--draws", "10")),
    ("backtest.json", ("backtest", OWN, "--law", "chinchilla", "--law", "power", "--draws", "50", "--json")),
    ("predict.csv", ("predict", "{out}/curves.json", "--at", "{own}/runs.csv", "--new-run")),
    ("allocate.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--json")),
    ("allocate.csv", ("allocate", "{out}/power.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14")),
    ("worst.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--objective",
                    "worst", "--json")),
    ("targets.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e13", "--objective",
                      "targets", "--json")),
    ("cheapest.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--objective", "cheapest",
                       "--at-least", "6", "--json")),
    ("unserved.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e12",
                       "--allow-unserved", "--measure", "progress", "--json")),
    ("cvar.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--risk", "cvar",
                   "--json")),
    ("quantile.json", ("allocate", "{out}/power.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--risk",
                       "quantile", "--json")),
    ("menu.json", ("allocate", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--sizes",
                   "1e4,3e4,1e5,3e5,1e6", "--json")),
    ("tokens.json", ("allocate", "{out}/curves.json", "--budget", "1e9", "--unit", "tokens", "--params", "1e5",
                     "--json")),
    ("limited.json", ("allocate", "{out}/curves.json", "--budget", "1e14", "--limit", "tokens=1e8", "--json")),
    ("mixture.json", ("allocate", "{out}/shared.json", "--budget", "1e14", "--json")),
    ("m4_plan.json", ("allocate", "{out}/m4.json", "--budget", "1e14", "--json")),
    ("grow.json", ("grow", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--json")),
    ("grow_two.json", ("grow", "{out}/curves.json", "{out}/shared.json", "--budget", "1e14", "--json")),
    ("grow_random.csv", ("grow", "{out}/curves.json", "--budget", "1e14", "--order", "random", "--orders", "12")),
    ("next.json", ("next", "{out}/curves.json", "--tasks", "{own}/tasks.csv", "--spend", "1e13", "--budget", "1e14",
                   "--json")),
    ("focus.json", ("focus", OWN, "--tasks", "{own}/tasks.csv", "--budget", "1e12", "--budget", "1e14", "--draws", "40",
                    "--json")),
    ("plan", ("plan", OWN, "--tasks", "{own}/tasks.csv", "--budget", "1e14", "--draws", "60")),
)  # fmt: skip

GADRE = ("--where", "train_set=c4_original", "--where", "metric=ce_nats_per_token")
PUBLIC_CASES: tuple[Case, ...] = (
    ("gadre.json", ("fit", "{data}/gadre/runs.csv", *GADRE, "--column", "run=model", "--draws", "40")),
    ("gadre_plan", ("plan", "{data}/gadre/runs.csv", *GADRE, "--column", "run=model", "--draws", "40", "--budget",
                    "1e22")),
    ("gadre_split.json", ("allocate", "{out}/gadre.json", "--budget", "1e22", "--strategy", "specialists", "--json")),
    ("olmo.json", ("fit", "{data}/olmo_ladder/runs.csv", "--column", "run=model", "--loss-metric", "bpb",
                   "--score-metric", "acc_rc", "--draws", "30")),
    ("olmo_score.json", ("allocate", "{out}/olmo.json", "--budget", "1e22", "--measure", "score", "--json")),
    ("chinchilla.json", ("fit", "{data}/chinchilla_digitised/runs.csv", "--column", "params=N", "--column", "tokens=D",
                         "--column", "value=loss", "--task", "text", "--draws", "40")),
    ("chinchilla_plan.json", ("allocate", "{out}/chinchilla.json", "--budget", "1e23", "--json")),
    ("curves_power.json", ("fit", "{data}/learning_curves/benchmark.csv", "--column", "task=Domain+Task+Model",
                           "--column", "x=Seen Examples", "--column", "value=Loss", "--law", "power", "--draws", "20")),
    ("datablations.json", ("fit", "{data}/datablations/runs.csv", "--column", "value=val_loss", "--task", "c4", "--law",
                           "repeat", "--draws", "5")),
    ("repeat_plan.json", ("allocate", "{out}/datablations.json", "--tasks", "{out}/unique.csv", "--budget", "1e21",
                          "--json")),
    ("one_model.json", ("allocate", "{out}/gadre.json", "--budget", "1e22", "--json")),
    ("one_model_worst.json", ("allocate", "{out}/gadre.json", "--budget", "1e22", "--objective", "worst", "--json")),
    ("groups_pairs.json", ("groups", "{data}/task_pairs/runs.csv", "--where", "dataset=taskonomy", "--budget", "2",
                           "--budget", "3", "--json")),
    ("portfolio.json", ("portfolio", "{data}/standley/networks.csv", "--column", "model=network", "--column",
                        "value=loss", "--where", "setting=setting1_equal_budget", "--budget", "3", "--select", "val",
                        "--report", "test", "--json")),
    ("groups_sets.json", ("groups", "{data}/standley/networks.csv", "--column", "model=network", "--column",
                          "value=loss", "--where", "setting=setting1_equal_budget", "--select", "val", "--report",
                          "test", "--budget", "2", "--json")),
)  # fmt: skip


def run(tree: Path, case: Case, folder: Path, data: str) -> None:
    """Run one case by a tree's command line; what was said goes beside its result."""
    name, arguments = case
    places = {"own": str(HERE / "data"), "data": data, "out": str(folder)}
    command = [sys.executable, str(tree / "cli.py"), *(each.format(**places) for each in arguments)]
    done = subprocess.run([*command, "--out", str(folder / name)], capture_output=True, text=True)
    (folder / f"{name}.said").write_text(f"{done.returncode}\n{done.stderr}", encoding="utf-8")


def differences(here: Any, there: Any, at: str) -> Iterator[str]:
    """What differs between two parsed results, each with its place."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(set(here) | set(there)):
            if key in VARIES:
                continue
            if key not in here or key not in there:
                yield f"{at}.{key} is only in the {'other' if key not in here else 'own'} result"
            else:
                yield from differences(here[key], there[key], f"{at}.{key}")
    elif isinstance(here, list) and isinstance(there, list):
        if len(here) != len(there):
            yield f"{at} has {len(here)} entries, not {len(there)}"
        for place, (one, other) in enumerate(zip(here, there, strict=False)):
            yield from differences(one, other, f"{at}[{place}]")
    elif isinstance(here, (int, float)) and isinstance(there, (int, float)) and not isinstance(here, bool):
        same = math.isclose(here, there, rel_tol=TOLERANCE, abs_tol=ROUNDING) or (here != here and there != there)
        if not same:
            yield f"{at}: {here!r}, not {there!r} (relatively {abs(here - there) / max(abs(there), 1e-300):.1e})"
    elif here != there:
        yield f"{at}: {str(here)[:140]!r}, not {str(there)[:140]!r}"


def parsed(path: Path) -> Any:
    """A result's content as plain lists and dictionaries; ``None`` of what holds no numbers."""
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix == ".csv":
        return pd.read_csv(path).to_dict("list")
    return path.read_text(encoding="utf-8").splitlines() if path.suffix in (".said", ".md") else None


def main() -> None:
    """Run the cases and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="another checkout of this project")
    parser.add_argument("--data", help="folder of public sets of runs")
    parser.add_argument("--keep", type=Path, help="where the other tree's results are kept")
    parser.add_argument("--only", nargs="*", help="names of cases")
    parser.add_argument("--most", type=int, default=8, help="differences printed of one file")
    given = parser.parse_args()
    cases = [*OWN_CASES, *(PUBLIC_CASES if given.data else ())]
    with tempfile.TemporaryDirectory() as scratch:
        theirs, ours = given.keep or Path(scratch) / "there", Path(scratch) / "here"
        for folder in (theirs, ours):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "unique.csv").write_text("task,weight,unique_tokens\nc4,1,1e11\n", encoding="utf-8")
        total = 0
        for case in cases:
            name = case[0]
            needed = any(f"{{out}}/{name}" in each for _, command in cases for each in command)
            if given.only and name not in given.only and not needed:
                continue
            if not (theirs / f"{name}.said").exists():
                run(given.other.resolve(), case, theirs, given.data or "")
            run(HERE, case, ours, given.data or "")
            found = []
            for path in sorted([theirs / f"{name}.said", *_files(theirs / name)]):
                mine = ours / path.relative_to(theirs)
                texts = (parsed(mine) if mine.exists() else "missing", parsed(path))
                if texts[1] is not None:
                    found += [
                        each.replace(str(ours), "{out}")
                        for each in differences(*_alike(texts, str(ours), str(theirs)), path.name)
                    ]
            total += len(found)
            print(f"{name}: {len(found)} differences" if found else f"{name}: the same", flush=True)
            for each in found[: given.most]:
                print(f"    {each}")
        print(f"{total} differences in all")


def _files(path: Path) -> list[Path]:
    return [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path] if path.exists() else []


def _alike(texts: tuple[Any, Any], ours: str, theirs: str) -> tuple[Any, Any]:
    """Both with the folder's name taken out of what was said."""
    here, there = (
        [line.replace(folder, "{out}") for line in text] if isinstance(text, list) else text
        for text, folder in zip(texts, (ours, theirs), strict=True)
    )
    return here, there


if __name__ == "__main__":
    main()
