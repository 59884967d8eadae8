"""How often the law of breadth claims that the number of tasks matters, in worlds where it does not, and where it does.

Usage: python benchmarks/breadth_law.py [WORLDS] [--write]

A world has seventeen tasks in families; two of a family are related by .5 to 1, others by −.2 to .2. Its sets have 2,
4, 8 or 12 tasks, small ones mostly of one family, as people choose them, so that relatedness falls with the number of
tasks. The advantage of specialists falls with relatedness (in a straight line, levelling off, or ever steeper), has a
part of each task's and of each set's own, and is measured with noise, as relatedness is. Where the number of tasks
matters, each doubling adds .04.
"""

from collections.abc import Iterator

import figures
import numpy as np

from budget.studies.focus.breadth_law import breadth_law

TASKS, FAMILIES, DRAWS = 17, 6, 40
SHAPES = {
    "a straight line": lambda r: -0.25 * r,
    "levels off": lambda r: -0.2 * np.tanh(2 * r),
    "ever steeper": lambda r: -0.12 * np.expm1(1.2 * np.clip(r, -1, 1)),
}
"""What relatedness does to the advantage of specialists."""


def world(
    random: np.random.Generator, shape: str, doubling: float
) -> tuple[list[int], np.ndarray, np.ndarray, np.ndarray]:
    """One world: tasks of each set, advantages (S,), their draws (S, B), and those of relatedness (S, B)."""
    family = random.integers(FAMILIES, size=TASKS)
    pairs = np.where(
        family[:, None] == family, random.uniform(0.5, 1, (TASKS, TASKS)), random.uniform(-0.2, 0.2, (TASKS, TASKS))
    )
    pairs = np.triu(pairs, 1) + np.triu(pairs, 1).T
    own = random.normal(0, 0.04, TASKS)
    noise, doubt = random.uniform(0.005, 0.03), random.uniform(0.02, 0.15)
    counts, advantage, related = [], [], []
    for _ in range(int(random.integers(9, 25))):
        count = int(random.choice([2, 4, 8, 12]))
        chosen = random.permutation(TASKS)
        if random.random() < (0.7 if count <= 4 else 0.2):  # chosen as relatives, as far as there are any
            chosen = chosen[np.argsort(family[chosen] != family[chosen[0]], kind="stable")]
        chosen = chosen[:count]
        r = pairs[np.ix_(chosen, chosen)].sum() / (count * (count - 1))
        counts.append(count)
        related.append(r)
        advantage.append(SHAPES[shape](r) + own[chosen].mean() + random.normal(0, 0.02) + doubling * np.log2(count))
    size = (len(counts), DRAWS)
    seen, told = (
        np.array(advantage) + random.normal(0, noise, size[0]),
        np.array(related) + random.normal(0, doubt, size[0]),
    )
    return counts, seen, seen[:, None] + random.normal(0, noise, size), told[:, None] + random.normal(0, doubt, size)


def claims(worlds: int, shape: str, doubling: float, seed: int = 0) -> Iterator[int]:
    """What the law claims in each world: 1, −1, or 0 for nothing."""
    random = np.random.default_rng(seed)
    for _ in range(worlds):
        found = breadth_law(1.0, *world(random, shape, doubling))
        yield 0 if found is None else found.claims


def main() -> None:
    """Put the shares."""
    worlds = int(next(iter(figures.arguments()), "2000"))
    rows = []
    for shape in SHAPES:
        nothing = np.array(list(claims(worlds, shape, 0.0)))
        matters = np.array(list(claims(worlds, shape, 0.04)))
        rows.append(
            (shape, f"{(nothing == 0).mean():.1%}", f"{(matters == 1).mean():.1%}", f"{(matters == -1).mean():.1%}")
        )
    head = ("relatedness", "no claim where only it matters", "claim where each doubling adds .04", "the opposite claim")
    figures.put("breadth_law", figures.table(head, rows))


if __name__ == "__main__":
    main()
