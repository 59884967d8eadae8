"""Command lines over spoiled files and hostile options; what an answer must be."""

import random
import signal
import warnings
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from types import FrameType

import click
from click.testing import CliRunner, Result

from budget.commands import main
from tests.fuzz.inputs import HOSTILE, files, spoiled

LONGEST = 300
"""Characters of the sentence that says a mistake."""

SECONDS = 60
"""How long a command over a dozen rows may take, compilation and a busy machine included."""

COMMANDS: dict[str, tuple[int, tuple[tuple[str, ...], ...]]] = {
    "check": (6, (("runs.csv",), ("runs-two.csv",), ("runs.csv", "--tasks", "tasks.csv"))),
    "fit": (
        2,
        (
            ("runs.csv", "--draws", "9", "--out", "fitted.json"),
            ("runs.csv", "--draws", "0"),
            ("runs-two.csv", "--draws", "9", "--where", "strategy=specialist"),
            ("metrics.csv", "--draws", "9", "--loss-metric", "loss", "--score-metric", "acc"),
        ),
    ),
    "predict": (6, (("curves.json", "--at", "points.csv"), ("curves-linked.json", "--at", "points-two.csv"))),
    "backtest": (1, (("runs.csv", "--draws", "0", "--law", "power"),)),
    "allocate": (
        8,
        (
            ("curves.json", "--budget", "1e9", "--tasks", "tasks.csv"),
            ("curves-sealed.json", "--budget", "1e9", "--limits", "limits.csv"),
            ("curves.json", "--budget", "1e9", "--evaluate", "split.csv", "--tasks", "tasks.csv"),
            ("curves-two.json", "--budget", "1e21", "--tasks", "tasks-two.csv"),
            ("curves.json", "--budget", "1e9", "--tasks", "tasks.csv", "--objective", "worst"),
            ("curves.json", "--budget", "1e9", "--tasks", "tasks.csv", "--risk", "cvar"),
            ("curves.json", "--budget", "1e9", "--tasks", "tasks.csv", "--allow-unserved"),
            ("curves-linked.json", "--budget", "1e21", "--measure", "score"),
        ),
    ),
    "grow": (
        4,
        (
            ("curves.json", "--budget", "1e9", "--tasks", "tasks.csv"),
            ("curves-two.json", "--budget", "1e21", "--tasks", "tasks-two.csv"),
        ),
    ),
    "focus": (1, (("runs-two.csv", "--budget", "1e21", "--draws", "9"),)),
    "next": (3, (("curves-two.json", "--spend", "1e20", "--budget", "1e22", "--max-runs", "1"),)),
    "portfolio": (
        6,
        (("candidates.csv", "--budget", "3", "--tasks", "tasks.csv"), ("candidates.csv", "--budget", "2")),
    ),
    "groups": (4, (("pairs.csv", "--budget", "2"), ("candidates.csv", "--budget", "2"), ("pairs.csv",))),
    "measure": (2, (("sweep.csv", "--out", "out.csv", "--retries", "0", "--command", "echo '{{\"value\":{value}}}'"),)),
    "plan": (1, (("runs.csv", "--budget", "1e4", "--out", "plan", "--draws", "9"),)),
}
"""Command → how often it is drawn, and argument lists that it takes."""

NUMBERS = (
    "1e9",
    "1",
    "0",
    "-1",
    "0.5",
    "1e-300",
    "1e308",
    "1e999",
    "nan",
    "inf",
    "",
    "1_0",
    "abc",
    "1e21",
    "-1e21",
    "1e40",
)
COUNTS = ("0", "1", "2", "-1", "3.5", "nan", "", "999999999999999999999", "x")
PAIRS = ("value=x", "x=task", "task=a", "task!=a", "value!=", "=", "a", "=b", "flops=1e9", "tokens=0", "alpha=0.3",
         "a=0.5", "a=-1", "E=nan", "money=1", "x=1e9", "value=value+x", "x=nope")  # fmt: skip
COSTLY = {
    "--sensitivity",
    "--draws",
    "--jobs",
    "--orders",
    "--time-limit",
    "--timeout",
    "--command",
    "--device",
    "--max-runs",
}
"""Options whose values decide how long a command takes; the argument lists set them."""


@dataclass(frozen=True)
class Outcome:
    """What a command line came to.

    Attributes:
        kind: ``done``, ``refused``, ``usage`` or ``FAILED``.
        command: its first word.
        said: the sentence of a refusal, or what is wrong.
        line: the whole command line.
    """

    kind: str
    command: str
    said: str
    line: tuple[str, ...]


def outcome_of(case: str, folder: Path) -> Outcome:
    """Run one case in an empty folder, which must be the working directory.

    Args:
        case: the seed, such as ``7-123``.
        folder: where its files are written.
    """
    rng = random.Random(case)
    name = rng.choices(list(COMMANDS), [weight for weight, _ in COMMANDS.values()])[0]
    arguments = list(rng.choice(COMMANDS[name][1]))
    _write(arguments, folder, rng)
    if rng.random() < 0.45:
        arguments = _with_options(name, arguments, rng)
    return judged(name, (name, *arguments))


def judged(name: str, line: tuple[str, ...]) -> Outcome:
    """Run a command line and judge its answer."""
    previous = signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "run '", RuntimeWarning)  # measure says so, as a sentence
            result = CliRunner().invoke(main, list(line))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    return Outcome(*_judge(name, result), line)


def _judge(name: str, result: Result) -> tuple[str, str, str]:
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        frames = [each for each in extract_tb(error.__traceback__) if "/budget/" in each.filename]
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        return "FAILED", name, f"{type(error).__name__}: {error}{place}"
    if "Traceback" in result.stderr or ".py:" in result.stderr or "\x1b" in result.stderr:
        return "FAILED", name, f"a path of the source or an escape in {result.stderr[:500]!r}"
    if result.exit_code == 0:
        return "done", name, ""
    lines = result.stderr.rstrip("\n").split("\n")
    said = lines[-1].removeprefix("Error: ")
    if result.exit_code == 2 and lines[-1].startswith("Error: ") and len(said) <= LONGEST:
        return "usage", name, said
    if result.exit_code != 1 or not lines[-1].startswith("Error: ") or sum(x.startswith("Error: ") for x in lines) > 1:
        return "FAILED", name, f"exit {result.exit_code} with {result.stderr[-500:]!r}"
    if len(said) > LONGEST or not said.endswith(".") or len(said.split()) < 4 or "Error(" in said:
        return "FAILED", name, f"no sentence of at most {LONGEST} characters: {said!r}"
    return "refused", name, said


def _write(arguments: list[str], folder: Path, rng: random.Random) -> None:
    """Write the files that the arguments name, most of the time one of them spoiled."""
    contents = files()
    named = [name for name in arguments if name in contents]
    victim = rng.choice(named) if rng.random() < 0.75 else None
    for name in named:
        data = contents[name]
        if name == victim and rng.random() < 0.04:
            if rng.random() < 0.5:
                (folder / name).mkdir()
            continue
        (folder / name).write_bytes(spoiled(data, name, rng) if name == victim else data)


def _with_options(name: str, arguments: list[str], rng: random.Random) -> list[str]:
    """One to three options more, or with another value, mostly hostile."""
    options = [option for option in main.commands[name].params if isinstance(option, click.Option)]
    known = files()
    for option in rng.sample(options, min(len(options), rng.randrange(1, 4))):
        flag = option.opts[0]
        if flag in COSTLY:
            continue
        if option.is_flag:
            arguments = [*arguments, flag]
            continue
        value = _value(option, rng)
        if value in known and not Path(value).exists():
            Path(value).write_bytes(known[value])
        at = arguments.index(flag) + 1 if flag in arguments else None
        if at is not None:
            arguments = [*arguments[:at], value, *arguments[at + 1 :]]
        else:
            arguments = [*arguments, flag, value]
    return [argument.replace("\0", "") for argument in arguments]  # no command line can hold it


def _value(option: click.Option, rng: random.Random) -> str:
    if rng.random() < 0.15:
        return rng.choice(HOSTILE)
    if isinstance(option.type, click.Choice):
        return str(rng.choice(list(option.type.choices)))
    kind = type(option.type).__name__
    if kind == "Number":
        return rng.choice(NUMBERS)
    if kind == "IntRange":
        return rng.choice(COUNTS)
    if kind == "Pair" or option.metavar == "PARAMETER=PARAMETER":
        return rng.choice(PAIRS)
    if option.metavar == "CSV" and option.opts[0] != "--out":
        return rng.choice(
            (*(name for name in files() if name.endswith(".csv")), "missing.csv", ".", "a\nb.csv", "x" * 300)
        )
    if option.opts[0] in ("--out", "--logs"):
        return rng.choice(("out.csv", ".", "no/such/folder/out", "x" * 300, "a\x1bb", "/dev/null"))
    return rng.choice(HOSTILE)


def _too_slow(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"longer than {SECONDS} s")
