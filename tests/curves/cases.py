"""Runs planted from random truths of every law: what the sweeps over laws fit."""

from dataclasses import replace

import numpy as np
import pandas as pd

from budget.curves.law import Law
from budget.curves.laws import LAWS
from budget.tables.runs import Mixture, Runs, runs_from_frame
from tests.oracles.laws import FORMULAS

SOURCES = ("t0", "t1", "web")
"""Sources of the mixtures; the first ones are tasks."""


def law_of_case(name: str) -> Law:
    """The law, over the case's sources."""
    return LAWS[name].with_sources(SOURCES)


def design(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The inputs of one task's runs, in the order of the law's, and the columns of the file that they come from."""
    if name in ("power", "m4", "bnsl"):
        return {"x": np.geomspace(1e3, 1e9, 40)}
    if name == "chinchilla":
        return _crossed(params=np.geomspace(1e7, 3e9, 6), tokens=np.geomspace(3e8, 1e11, 6))
    if name == "repeat":
        inputs = _crossed(
            params=np.geomspace(1e7, 3e10, 5), unique_tokens=np.geomspace(3e8, 3e10, 3), epochs=[1, 2, 6, 20, 60]
        )
        tokens = inputs["unique_tokens"] * inputs.pop("epochs")
        return {"params": inputs["params"], "tokens": tokens, "unique_tokens": inputs["unique_tokens"]}
    if name == "shared":
        return _crossed(params=np.geomspace(1e7, 3e9, 4), task_tokens=np.geomspace(3e8, 3e10, 4), n_tasks=[1, 3, 9])
    random = np.random.default_rng(seed)
    inputs = _crossed(params=np.geomspace(1e7, 3e9, 3), total=np.geomspace(3e8, 1e11, 20))
    share = 0.6 * random.dirichlet(np.ones(len(SOURCES)), len(inputs["total"]))
    share[::7, 2] = 0.0  # a source that a run has seen nothing of
    share[:, seed] += 0.4  # of the task's own
    return {"params": inputs["params"], **dict(zip(SOURCES, (share * inputs["total"][:, None]).T, strict=True))}


def _crossed(**axes) -> dict[str, np.ndarray]:
    crossed = np.meshgrid(*axes.values(), indexing="ij")
    return {name: each.ravel().astype(float) for name, each in zip(axes, crossed, strict=True)}


def random_truth(law: Law, random: np.random.Generator, reference: np.ndarray) -> dict[str, float]:
    """Natural parameters whose terms are of the size of the value somewhere in the measured range."""
    theta = np.empty(len(law.parameters))
    for position, p in enumerate(law.parameters):
        if p.kind == "floor":
            theta[position] = random.uniform(0.2, 1.0)
        elif p.kind == "ceiling":
            theta[position] = random.uniform(4.0, 8.0)
        elif p.kind == "coefficient":
            theta[position] = random.uniform(-1.5, 0.5)
        elif p.kind == "place":
            theta[position] = random.uniform(-2.0, 2.0)
        elif p.name in ("phi", "psi"):
            theta[position] = random.uniform(-0.1, 0.2)
        elif p.name.startswith("tau"):
            theta[position] = random.uniform(-0.4, 0.9)
        elif p.kind == "log":
            theta[position] = {"R_D": np.log(random.uniform(5, 25)), "R_N": np.log(random.uniform(3, 10))}.get(
                p.name, random.uniform(np.log(0.2), np.log(1.5))
            )
        elif p.name == "c0":
            theta[position] = random.uniform(0.02, 0.12)
        elif p.name == "a" and law.name == "m4":
            theta[position] = random.uniform(0.4, 2.0)
        else:
            theta[position] = random.uniform(0.2, 0.7)
    return dict(zip(law.names, law.natural(theta, reference), strict=True))


def truths_of(name: str, tasks: int, seed: int = 0) -> list[dict[str, float]]:
    """Natural parameters of each task; the common ones agree, a task's own source counts as it is."""
    law, inputs = law_of_case(name), design(name)
    reference = np.exp(np.array([np.log(np.maximum(each, 1.0)).mean() for each in inputs.values()]))
    if name == "transfer":
        reference[1:] = 3e9
    if name == "shared":
        reference[2] = 1.0
    if name == "repeat":
        reference[2] = reference[1]
    random = np.random.default_rng(seed)
    truths = [random_truth(law, random, reference) for _ in range(tasks)]
    for task, truth in enumerate(truths):
        truth.update({law.names[at]: truths[0][law.names[at]] for at in law.common})
        if name == "transfer":
            truth[f"tau_t{task}"] = 1.0
    return truths


def planted(name: str, tasks: int = 2, *, noise: float = 0.0, seed: int = 0) -> tuple[Runs, list[dict[str, float]]]:
    """Runs of ``tasks`` tasks that follow the law, and their natural parameters."""
    truths, random = truths_of(name, tasks, seed), np.random.default_rng(seed + 1)
    frames, mixtures = [], []
    for task, truth in enumerate(truths):
        inputs = design(name, task)
        value = FORMULAS[name](truth, *inputs.values())
        columns = {column: each for column, each in inputs.items() if column not in SOURCES}
        if name == "transfer":
            mixtures.append(np.column_stack([inputs[source] for source in SOURCES]))
            columns["tokens"] = mixtures[-1].sum(axis=1)
        if name == "shared":
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
