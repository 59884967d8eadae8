"""The tasks a model can be measured on, from easy to hard, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from budget.lab.synthetic_tasks import corpora
from budget.lab.synthetic_tasks.chains import LogLinearMarkov, ModularChain
from budget.lab.synthetic_tasks.hierarchy import RandomHierarchy
from budget.lab.synthetic_tasks.lookup import ZipfLookup
from budget.lab.synthetic_tasks.real_text import Text
from budget.lab.synthetic_tasks.sources import Source


@dataclass(frozen=True)
class Task:
    """One thing a model is judged on.

    Attributes:
        name: as in a plan's column `task`.
        description: one sentence.
        make: builds the source of its sequences.
    """

    name: str
    description: str
    make: Callable[[], Source]

    @cached_property
    def source(self) -> Source:
        """Where its sequences come from, built when first asked for."""
        return self.make()


def _text(corpus: str) -> Text:
    return Text(corpora.symbols(corpus))


_RECORDS = (
    Task(
        "lookup_easy",
        "Recall the value of a three-symbol key, key frequencies falling as rank^-1.5.",
        partial(ZipfLookup, keys=64**3, exponent=1.5, noise=0.0, structure=1),
    ),
    Task(
        "lookup_medium",
        "Recall the value of a three-symbol key, key frequencies falling as rank^-1.3.",
        partial(ZipfLookup, keys=64**3, exponent=1.3, noise=0.0, structure=2),
    ),
    Task(
        "lookup_hard",
        "Recall the value of a three-symbol key, key frequencies falling as rank^-1.1.",
        partial(ZipfLookup, keys=64**3, exponent=1.1, noise=0.0, structure=3),
    ),
    Task(
        "lookup_noisy",
        "Recall the value of a three-symbol key, frequencies falling as rank^-1.2, a fifth of the values random.",
        partial(ZipfLookup, keys=64**3, exponent=1.2, noise=0.2, structure=4),
    ),
    Task(
        "markov_1",
        "Predict a Markov chain of 96 symbols from the symbol before.",
        partial(LogLinearMarkov, letters=96, order=1, strength=2.0, exponent=1.0, structure=5),
    ),
    Task(
        "markov_2",
        "Predict a Markov chain of 96 symbols from the two symbols before.",
        partial(LogLinearMarkov, letters=96, order=2, strength=2.0, exponent=1.0, structure=6),
    ),
    Task(
        "markov_3",
        "Predict a Markov chain of 48 symbols from the three symbols before.",
        partial(LogLinearMarkov, letters=48, order=3, strength=1.2, exponent=1.0, structure=7),
    ),
    *(
        Task(
            f"medium_near_{variant}",
            "lookup_medium with one value in twenty drawn anew.",
            partial(ZipfLookup, keys=64**3, exponent=1.3, noise=0.0, structure=2, variant=variant, redrawn=0.05),
        )
        for variant in (1, 2, 3)
    ),
    Task(
        "hard_near",
        "lookup_hard with one value in five drawn anew.",
        partial(ZipfLookup, keys=64**3, exponent=1.1, noise=0.0, structure=3, variant=1, redrawn=0.2),
    ),
    Task(
        "easy_conflict",
        "lookup_easy with the same keys and all values drawn anew.",
        partial(ZipfLookup, keys=64**3, exponent=1.5, noise=0.0, structure=1, variant=1, redrawn=1.0),
    ),
    Task(
        "grammar",
        "Predict sentences of a random grammar of six levels: learned level by level.",
        partial(RandomHierarchy, letters=24, rules=6, structure=8),
    ),
    Task(
        "modular",
        "Predict sums of the last two terms modulo 31, a tenth of them random: chance, then a cliff.",
        partial(ModularChain, modulus=31, noise=0.1, structure=9),
    ),
    *(
        Task(
            f"noisy_near_{variant}",
            "lookup_noisy with one value in twenty drawn anew.",
            partial(ZipfLookup, keys=64**3, exponent=1.2, noise=0.2, structure=4, variant=variant, redrawn=0.05),
        )
        for variant in (1, 2)
    ),
    Task(
        "easy_near",
        "lookup_easy with one value in twenty drawn anew.",
        partial(ZipfLookup, keys=64**3, exponent=1.5, noise=0.0, structure=1, variant=2, redrawn=0.05),
    ),
    Task(
        "lookup_flat",
        "Recall the value of a three-symbol key, key frequencies falling as rank^-1.",
        partial(ZipfLookup, keys=64**3, exponent=1.0, noise=0.0, structure=10),
    ),
    Task(
        "lookup_half",
        "Recall the value of a three-symbol key, frequencies falling as rank^-1.4, half of the values random.",
        partial(ZipfLookup, keys=64**3, exponent=1.4, noise=0.5, structure=11),
    ),
    Task(
        "markov_mild",
        "Predict a Markov chain of 64 symbols from the two symbols before, each of which says less than in markov_2.",
        partial(LogLinearMarkov, letters=64, order=2, strength=1.5, exponent=1.0, structure=12),
    ),
    Task("code", "Predict the next character of the standard library's source.", partial(_text, "code")),
    Task("prose", "Predict the next character of Python's help topics and docstrings.", partial(_text, "prose")),
    Task("names", "Predict the next character of the names of Unicode characters.", partial(_text, "names")),
)

TASKS = {task.name: task for task in _RECORDS}
"""All tasks by name."""
