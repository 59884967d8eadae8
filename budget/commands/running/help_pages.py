"""How ``--help`` is laid out: commands in the order of work, options by what they are about, examples as they are run.

See docs/decisions/151-one-door-for-all-commands.md.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import click

NEEDED, OWN, EVERY_COMMAND = "Needed", "Options", "Every command takes"

TOPICS: Mapping[str, tuple[str, ...]] = {
    "What is spent": ("--budget", "--add", "--spend", "--unit", "--price", "--peak", "--mfu", "--params", "--sizes",
                      "--limit", "--limits"),
    "What the plan aims at": ("--only", "--strategy", "--objective", "--measure", "--allow-unserved", "--freeze",
                              "--at-least", "--risk", "--level", "--reference", "--at-risk", "--prefer-simple",
                              "--plan-on", "--reach", "--order", "--orders", "--today", "--max-runs", "--max-models",
                              "--time-limit", "--evaluate", "--current", "--scenarios"),
    "How the files are read": ("--tasks", "--column", "--where", "--task", "--higher-is-better", "--last-of", "--every",
                               "--wide", "--select", "--report", "--models", "--save"),
    "What is fitted": ("--law", "--scale", "--scales", "--mixtures", "--loss-metric", "--score-metric"),
    "How it is judged": ("--backtest", "--decide", "--beyond", "--holdout", "--holdout-above", "--origins",
                         "--sensitivity", "--strict"),
    "How it is fitted": ("--loss", "--delta", "--quantile", "--residual", "--fix", "--tie", "--pool", "--prior",
                         "--borrow", "--discrepancy", "--device", "--draws", "--seed"),
    "A program of your own": ("--command", "--timeout", "--retries", "--logs"),
    "On several machines": ("--shard", "--on", "--shards", "--with", "--detach"),
    "What comes out": ("--json", "--out"),
    EVERY_COMMAND: ("--dry-run", "--quiet", "--verbose", "--color", "--help"),
}  # fmt: skip
"""Heading → options, in the order of the help. What no heading has stands before them, what is required first."""

FEW = 6
"""Options of its own up to which a command's stand under one heading."""

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "an input is wrong, or --strict found a FAIL; one sentence says which file, row and column, and what to do",
    2: "the command line is wrong",
    130: "interrupted",
    141: "whoever read the output has left",
}
"""Exit code → what it means, for every command."""


def write_topics(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write a command's options, each under what it is about."""
    topic_of = {name: topic for topic, names in TOPICS.items() for name in names}
    place_of = {name: place for place, name in enumerate(topic_of)}
    options = [param for param in command.get_params(ctx) if isinstance(param, click.Option)]
    own = [param for param in options if _topic(param, topic_of) != EVERY_COMMAND]
    found: dict[str, list[tuple[int, tuple[str, str]]]] = {topic: [] for topic in (NEEDED, OWN, *TOPICS)}
    for param in options:
        record = param.get_help_record(ctx)
        if record is None:
            continue
        topic = _topic(param, topic_of)
        if topic != EVERY_COMMAND:
            topic = NEEDED if param.required else OWN if len(own) <= FEW else topic
        place = min((place_of[name] for name in param.opts if name in place_of), default=-1)
        found[topic].append((place if topic in TOPICS else len(found[topic]), record))
    for topic, rows in found.items():
        if rows:
            with formatter.section(topic):
                formatter.write_dl([record for _, record in sorted(rows, key=lambda row: row[0])])


def _topic(param: click.Option, topic_of: Mapping[str, str]) -> str:
    return next((topic_of[name] for name in param.opts if name in topic_of), OWN)


def write_commands(
    commands: Mapping[str, click.Command], sections: Mapping[str, Sequence[str]], formatter: click.HelpFormatter
) -> None:
    """Write the commands under the headings of their sections, each with its first sentence, whole."""
    width = max(map(len, commands))
    for heading, names in sections.items():
        with formatter.section(heading):
            formatter.write_dl([(f"{name:{width}}", first_sentence(commands[name].help or "")) for name in names])


def first_sentence(text: str) -> str:
    r"""What stands before the first full stop that ends a sentence, with it, on one line.

    >>> first_sentence("Write runs.csv\nout of STORE. No server.")
    'Write runs.csv out of STORE.'
    """
    return re.split(r"(?<=\.)\s", " ".join(text.split("\n\n")[0].split()))[0]


def write_examples(examples: Iterable[str], formatter: click.HelpFormatter) -> None:
    """Write command lines as they are typed: one that is too long for the page goes on behind a backslash."""
    with formatter.section("Examples"):
        for example in examples:
            for line in folded(example, formatter.width - 4):
                formatter.write(f"  {line}\n")


def folded(line: str, width: int) -> list[str]:
    r"""A command line in pieces that a shell reads as one, broken before options.

    >>> folded("budget fit runs.csv --out c.json", 22)
    ['budget fit runs.csv \\', '    --out c.json']
    """
    words = re.findall(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""", line)
    pieces: list[str] = []
    for word in words:
        if word.startswith("--") or not pieces:
            pieces.append(word)
        else:
            pieces[-1] += f" {word}"
    lines = pieces[:1]
    for piece in pieces[1:]:
        if len(lines[-1]) + 1 + len(piece) <= width - 2:
            lines[-1] += f" {piece}"
        else:
            lines.append(f"    {piece}")
    return [f"{each} \\" for each in lines[:-1]] + lines[-1:]


def write_exit_codes(formatter: click.HelpFormatter) -> None:
    """Write what the exit codes mean."""
    with formatter.section("Exit codes"):
        formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])
