"""Runs planted from random truths of every law: what the sweeps over laws fit."""

from dataclasses import replace

import numpy as np
import pandas as pd

from budget.curves.laws.law import TYPICAL, Law
from budget.curves.laws.table import LAWS
from budget.curves.laws.transfer import EXAMPLE_SOURCES as SOURCES
from budget.tables.runs import Mixture, Runs, runs_from_frame
from tests.oracles.laws import FORMULAS


def law_of_case(name: str) -> Law:
    """The law, over the case's sources."""
    return LAWS[name].with_sources(SOURCES)


def design(name: str, task: int = 0) -> dict[str, np.ndarray]:
    """The inputs of one task's runs, in the order of the law's, and the columns of the file that they come from."""
    example = LAWS[name].example
    assert example is not None, f"{name} has no example"
    return example(task)


def reference_of(name: str) -> np.ndarray:
    """(I,) inputs at which a case's terms are of the size of its value; tokens of all kinds share one."""
    law, inputs = law_of_case(name), design(name)
    reference = np.exp(np.array([np.log(np.maximum(each, 1.0)).mean() for each in inputs.values()]))
    if law.reads_mixtures:
        reference[1:] = 3e9
    for at, column in enumerate(law.inputs):
        if column == "n_tasks":
            reference[at] = 1.0
        if column == "unique_tokens":
            reference[at] = reference[law.inputs.index("tokens")]
    return reference


def random_truth(law: Law, random: np.random.Generator, reference: np.ndarray) -> dict[str, float]:
    """Natural parameters whose terms are of the size of the value somewhere in the measured range."""
    ends = [p.typical or TYPICAL[p.kind] for p in law.parameters]
    theta = np.array([random.uniform(*each) for each in ends])
    return dict(zip(law.names, law.natural(theta, reference), strict=True))


def truths_of(name: str, tasks: int, seed: int = 0) -> list[dict[str, float]]:
    """Natural parameters of each task; the common ones agree, a task's own source counts as it is."""
    law, reference = law_of_case(name), reference_of(name)
    random = np.random.default_rng(seed)
    truths = [random_truth(law, random, reference) for _ in range(tasks)]
    for task, truth in enumerate(truths):
        truth.update({law.names[at]: truths[0][law.names[at]] for at in law.common})
        if law.reads_mixtures:
            truth[law.names[law.transfer_of(f"t{task}")]] = 1.0
    return truths


def planted(name: str, tasks: int = 2, *, noise: float = 0.0, seed: int = 0) -> tuple[Runs, list[dict[str, float]]]:
    """Runs of ``tasks`` tasks that follow the law, and their natural parameters."""
    truths, random = truths_of(name, tasks, seed), np.random.default_rng(seed + 1)
    frames, mixtures = [], []
    for task, truth in enumerate(truths):
        inputs = design(name, task)
        value = FORMULAS[name](truth, *inputs.values())
        columns = {column: each for column, each in inputs.items() if column not in SOURCES}
        if LAWS[name].reads_mixtures:
            mixtures.append(np.column_stack([inputs[source] for source in SOURCES]))
            columns["tokens"] = mixtures[-1].sum(axis=1)
        if LAWS[name].counts_tasks:
            columns["tokens"] = columns["task_tokens"] * columns["n_tasks"]
        noisy = value * np.exp(noise * random.normal(size=len(value)))
        run = [f"t{task}-{row}" for row in range(len(value))]
        frames.append(pd.DataFrame({"task": f"t{task}", "run": run, "value": noisy, **columns}))
    runs = runs_from_frame(pd.concat(frames, ignore_index=True))
    if mixtures:
        runs = replace(runs, mixture=Mixture(SOURCES, np.concatenate(mixtures)))
    return runs, truths


def log_inputs(runs: Runs, inputs: tuple[str, ...]) -> np.ndarray:
    """(R, I) as the curves take them; a source of nothing is as good as nothing."""
    return np.log(np.maximum(np.column_stack([runs.columns[name] for name in inputs]), 1e-290))
