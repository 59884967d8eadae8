"""Kills an action, or fails it, at each of its system calls: each time in a forked child, then looks at what is left.

Run as a script with a folder and `kill` or `fail`, in a process without threads, where forking is safe.
"""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from budget.errors import BudgetError
from budget.lab.runner.ledger import Failure, Ledger
from budget.tables.files import claims
from budget.tables.files.manifest import hashes, strays
from budget.tables.files.text import json_text, read_csv
from budget.tables.files.write_files import write_folder, write_text

CALLS = ("open", "write", "fsync", "close", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "chmod", "utime")
DONE, REFUSED, BLOWN = 0, 3, 64


@dataclass(frozen=True)
class Scenario:
    """An action in a folder: how the folder begins, what is done, and what may be there after it ended so."""

    prepare: Callable[[Path], None]
    act: Callable[[Path], None]
    judge: Callable[[Path, str], None]


def arm(number: int, kill: bool) -> list[bool]:
    """Let the call of that number end the process, or raise; the list is filled when it did."""
    made, blown = [0], []
    originals = {name: getattr(os, name) for name in CALLS}

    def armed(name: str) -> Callable:
        def call(*given, **named):
            made[0] += 1
            if made[0] - 1 == number:
                blown.append(True)
                if name == "write":
                    originals[name](given[0], given[1][: len(given[1]) // 2])
                if kill:
                    os.kill(os.getpid(), signal.SIGKILL)
                if name == "close":
                    originals[name](*given)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return None if name == "fsync" else originals[name](*given, **named)

        return call

    for name in CALLS:
        setattr(os, name, armed(name))
    return blown


def forked(act: Callable[[], None], number: int = -1, kill: bool = False) -> tuple[str, bool]:
    """How an action ended in a child (`done`, `refused`, `killed`), and whether its call was reached."""
    child = os.fork()
    if child == 0:
        code = 1
        blown = arm(number, kill)
        try:
            act()
            code = DONE
        except BudgetError as error:
            assert "cannot be written" in str(error), error
            code = REFUSED
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code | (BLOWN if blown else 0))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed", True
    code = os.WEXITSTATUS(status)
    return {DONE: "done", REFUSED: "refused"}[code & ~BLOWN], bool(code & BLOWN)


def at_every_call(folder: Path, scenario: Scenario, kill: bool) -> int:
    """Sweep the calls; the next process must always succeed and leave nothing behind. Gives the number of calls."""
    number = 0
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        scenario.prepare(folder)
        ended, blown = forked(lambda: scenario.act(folder), number, kill)
        scenario.judge(folder, ended)
        assert forked(lambda: scenario.act(folder)) == ("done", False)
        scenario.judge(folder, "done")
        left = [path.name for path in folder.rglob("*") if path.name.startswith(".budget") or path.suffix == ".claim"]
        assert not left, (number, left)
        if not blown:
            return number
        number += 1


OLD = {"a.csv": "old a\n", "gone.csv": "old\n", "b.csv": "old b\n" * 1000}
NEW = {"a.csv": "new a\n" * 1000, "b.csv": "new b\n"}


def plan_of(files: dict[str, str], absent: tuple[str, ...] = ()) -> dict[str, str]:
    return {**files, "plan.json": json_text({"files": hashes(files, absent)})}


OLD_PLAN, NEW_PLAN = plan_of(OLD), plan_of(NEW, ("gone.csv",))


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".budget")}


def judge_text(old: str | None) -> Callable[[Path, str], None]:
    def judge(folder: Path, ended: str) -> None:
        path = folder / "out.csv"
        found = path.read_text() if path.exists() else None
        assert found in {"done": ("new",), "refused": (old,), "killed": (old, "new")}[ended], (found, ended)

    return judge


def judge_folder(folder: Path, ended: str) -> None:
    found = texts(folder / "plan")
    assert found.pop("mine.txt") == "mine"
    if ended != "killed":
        assert found == {"done": NEW_PLAN, "refused": OLD_PLAN}[ended]
    elif strays(folder / "plan"):
        assert found["plan.json"] == OLD_PLAN["plan.json"]
        assert all(text in (OLD_PLAN.get(name), NEW_PLAN.get(name)) for name, text in found.items())
    else:
        assert found in (OLD_PLAN, NEW_PLAN)


def judge_new_folder(folder: Path, ended: str) -> None:
    found = texts(folder / "deep" / "plan") if (folder / "deep" / "plan").exists() else None
    assert found in {"done": (NEW_PLAN,), "refused": (None,), "killed": (None, NEW_PLAN)}[ended]


def prepare_folder(folder: Path) -> None:
    (folder / "plan").mkdir()
    for name, text in {**OLD_PLAN, "mine.txt": "mine"}.items():
        (folder / "plan" / name).write_text(text)


MEASURED = {"run": "b", "value": 2.0}


def prepare_ledger(folder: Path) -> None:
    (folder / "runs.csv").write_text("run,value\na,1.0\n")
    Ledger(folder / "runs.csv", read_csv).fail(Failure("b", "timeout", "it was ended after 1 s"))


def judge_ledger(folder: Path, ended: str) -> None:
    runs, failed = (folder / "runs.csv").read_text(), folder / "runs-failed.csv"
    old, new = "run,value\na,1.0\n", "run,value\na,1.0\nb,2.0\n"
    assert runs in ((new,) if ended == "done" else (old, new)), runs
    assert not failed.exists() or (ended != "done" and read_csv(failed)["run"].tolist() == ["b"])
    assert runs == new or failed.exists()


def claim_and_write(folder: Path) -> None:
    claims.SETTLING = -1.0  # nobody else is about to write a claim
    with claims.Claims(folder / "claims") as mine:
        assert mine.take("a/b")
        write_text(folder / "out.csv", "new")
        mine.release("a/b")


SCENARIOS = {
    "a file that is replaced": Scenario(
        lambda folder: (folder / "out.csv").write_text("old"),
        lambda folder: write_text(folder / "out.csv", "new"),
        judge_text("old"),
    ),
    "a new file": Scenario(lambda folder: None, lambda folder: write_text(folder / "out.csv", "new"), judge_text(None)),
    "a folder that holds a plan": Scenario(
        prepare_folder, lambda folder: write_folder(folder / "plan", NEW_PLAN, ("gone.csv",)), judge_folder
    ),
    "a new folder": Scenario(
        lambda folder: None,
        lambda folder: write_folder(folder / "deep" / "plan", NEW_PLAN, ("gone.csv",)),
        judge_new_folder,
    ),
    "a ledger": Scenario(
        prepare_ledger, lambda folder: Ledger(folder / "runs.csv", read_csv).add("b", [MEASURED]), judge_ledger
    ),
    "a claim": Scenario(lambda folder: None, claim_and_write, judge_text(None)),
}


if __name__ == "__main__":
    for name, scenario in SCENARIOS.items():
        calls = at_every_call(Path(sys.argv[1]), scenario, sys.argv[2] == "kill")
        assert calls >= 7, name  # open, write, fsync, close, rename and more were each the last
        print(name, calls)
