"""Columns that may hold one task's values each, told by what their names have in common, as ``eval/*/loss``.

See docs/decisions/161-units-in-headers-and-families-of-columns.md.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from budget.tables.reading.synonyms import SYNONYMS, without_prefix

_MEASURES = frozenset({
    "loss", "ppl", "perplexity", "acc", "accuracy", "nll", "bpb", "ce", "entropy", "bits", "f1", "em", "score", "match",
    "reward",
})  # fmt: skip
"""Words for what is measured, in names of columns."""

_HELD_OUT = frozenset(
    {"eval", "evals", "val", "valid", "validation", "test", "dev", "heldout", "downstream", "results"}
)
"""Words for what a model was judged on, likewise."""

_NO_TASK = _MEASURES | _HELD_OUT | frozenset({
    "train", "training", "final", "best", "last", "mean", "avg", "average", "min", "max", "std", "stderr", "total",
    "step", "steps", "epoch", "epochs", "time", "runtime", "seconds", "sec", "per", "second", "samples", "lr", "rate",
    "learning", "grad", "norm", "memory", "aux", "z", "lm", "model", "tokens", "params", "flops", "batch", "size",
    "none", "smooth", "smoothed", "ema", "raw", "count", "num", "n", "overall", "macro", "micro", "exact", "cross",
    "interval", "iters", "iterations", "every", "freq", "frequency", "split", "seed", "fraction", "ratio", "weight",
    "decay", "dropout", "warmup", "beta", "len", "length", "seq", "context", "limit", "examples", "workers", "start",
    "end", "id", "run", "shots", "fewshot", "gpu", "cpu", "throughput", "speed", "mfu", "jobs", "value", "timestamp",
    "wall", "clock",
})  # fmt: skip
"""Words that name no task: two columns that differ by such a word are two measures, or two splits."""

_BESIDE = frozenset({"train", "training", "min", "max", "std", "stderr"})
"""Words of columns that stand beside those of tasks and are none themselves."""

_MARK = re.compile(r"([\s./:_-]+)")
_LOSSES = frozenset({"loss", "nll", "entropy", "ce", "bpb"})
"""Measures that a law is fitted to first."""

MOST = 400
"""Columns among which families are sought."""


def task_families(names: Sequence[str]) -> dict[str, list[str]]:
    """Pattern for ``--wide`` → the columns that it takes, the likeliest family first.

    A pattern has one star in the place of the task's words; what is left names a measure, or that it was held out. Of
    a pattern that would take other columns too its own are listed instead, separated by commas. Columns of a task each
    with several measures are a family after those of one measure.

    >>> list(task_families(["eval/c4/loss", "eval/wiki/loss", "eval/c4/ppl", "eval/wiki/ppl", "train/loss", "lr"]))
    ['eval/*/loss', 'eval/*/ppl']
    >>> list(task_families(["val loss", "train loss", "loss c4", "loss code"]))
    ['loss *']
    >>> list(task_families(["eval/c4", "eval/wiki", "eval/runtime"]))
    ['eval/c4,eval/wiki']
    >>> list(task_families(["eval/loss_web", "eval/loss_code", "eval/acc_qa"]))
    ['eval/loss_*', 'eval/*']
    >>> task_families(["eval/loss", "eval/accuracy", "eval/samples_per_second"])
    {}
    """
    found: dict[str, list[str]] = {}
    of_measures: dict[str, list[tuple[str, frozenset[str]]]] = {}  # with the words of each task
    for name in names[:MOST]:
        parts = _MARK.split(name)
        words = [_words(part) for part in parts[::2]]
        whole = [part.lower() for part in parts[::2]]  # HumanEval is a task
        for first in range(len(words)):
            for last in range(first, len(words)):
                outside = {word for each in (*words[:first], *words[last + 1 :]) for word in each}
                inside = frozenset(whole[first : last + 1])
                pattern = "".join((*parts[: 2 * first], "*", *parts[2 * last + 1 :]))
                if not outside & (_MEASURES | _HELD_OUT) or outside & _BESIDE or inside & _NO_TASK - _MEASURES:
                    continue
                if not inside & _NO_TASK:
                    found.setdefault(pattern, []).append(name)
                elif inside - _MEASURES and not outside & _MEASURES:
                    of_measures.setdefault(pattern, []).append((name, inside - _MEASURES))
    families = _largest(_taken(found, names))
    several = {
        pattern: [name for name, _ in columns]
        for pattern, columns in of_measures.items()
        if len({task for _, task in columns}) == len(columns)  # else one task has two measures
    }
    several = {each: columns for each, columns in _taken(several, names).items() if columns not in families.values()}
    return {**dict(sorted(families.items(), key=_order)), **_largest(several)}


def _taken(found: dict[str, list[str]], names: Sequence[str]) -> dict[str, list[str]]:
    """The families of two columns or more, whose columns are listed where a pattern would take more than these."""
    return {each if [name for name in names if fnmatchcase(name, each)] == columns else ",".join(columns): columns
            for each, columns in found.items() if len(columns) > 1}  # fmt: skip


def _words(part: str) -> list[str]:
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", part).lower().split()


def _largest(families: dict[str, list[str]]) -> dict[str, list[str]]:
    """The families that no other one contains; of equal ones that with the most words outside the star."""
    kept: dict[str, list[str]] = {}
    for pattern, columns in sorted(families.items(), key=lambda each: (-len(each[1]), -len(each[0]))):
        if not any(set(columns) <= set(others) for others in kept.values()):
            kept[pattern] = columns
    return kept


def is_of_losses(pattern: str) -> bool:
    """Whether a family's names say that its columns hold losses."""
    return bool(_words_of(pattern) & _LOSSES)


def _order(family: tuple[str, list[str]]) -> tuple[bool, bool, int]:
    return not is_of_losses(family[0]), bool(_words_of(family[0]) & {"acc", "accuracy"}), -len(family[1])


def _words_of(name: str) -> set[str]:
    return {word for part in _MARK.split(name)[::2] for word in _words(part)}


def numbers_of_tasks(names: Sequence[str]) -> list[str]:
    """Of columns of numbers those that may be tasks' by their plain names, where nothing tells them apart better."""
    known = {name for groups in SYNONYMS.values() for group in groups for name in group}
    return [name for name in names if not _words_of(without_prefix(name)) & (_NO_TASK | known)]
