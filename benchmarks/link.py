"""Prints how well scores of the largest models are predicted from the smaller ones, with and without the anchor.

Usage: python benchmarks/link.py RUNS.csv LOSS_METRIC SCORE_METRIC [--write]
       (for the OLMo ladder: runs.csv bpb acc_rc)
"""

from itertools import product

import figures
import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

from budget.curves.fitting.fit import fit_curves
from budget.curves.link.data import join_scores
from budget.curves.link.fit import LINK_DELTA, with_link
from budget.curves.link.link import score
from budget.process_settings import use_compilation_cache
from budget.tables.loss_score_pairs import read_pair
from budget.tables.runs import Runs

OPTIONS = {"boolq": 2, "piqa": 2, "winogrande": 2, "socialiqa": 3, "csqa": 5}
"""Answers to choose from, by task; four in the others. Guessing scores one over it."""


def unanchored(loss: np.ndarray, value: np.ndarray, chance: float) -> np.ndarray:
    """Slope, centre, chance and top of ``chance + (top − chance)·σ(−slope·(loss − centre))``, top free up to 1."""
    middle = np.median(loss)

    def residual(theta: np.ndarray) -> np.ndarray:
        return free_sigmoid(unpack(theta), loss) - value

    def unpack(theta: np.ndarray) -> np.ndarray:
        low = theta[3] if np.isnan(chance) else chance
        return np.array([np.exp(theta[0]) / middle, theta[1] * middle, low, low + theta[2] * (1 - low)])

    best = None
    for steep, centre, top in product((1.0, 2.0, 3.0), (0.7, 0.9, 1.1), (0.4, 0.8)):
        start = [steep, centre, top, 0.9 * value.min()]
        bounds = ([-4.6, 0.01, 1e-3, 0.0], [6.9, 100.0, 1.0, np.median(value)])
        found = least_squares(
            residual, start, bounds=bounds, loss="huber", f_scale=LINK_DELTA, x_scale=[1, 0.1, 0.1, 0.1]
        )
        best = found if best is None or found.cost < best.cost else best
    return unpack(best.x)


def free_sigmoid(theta: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """The sigmoid without anchor."""
    slope, centre, chance, top = theta
    return chance + (top - chance) * expit(-slope * (loss - centre))


def held_out(losses: Runs, scores: Runs, sizes: int) -> list[tuple[str, ...]]:
    """Fit without the largest sizes, predict the largest: a row of errors for a fitted and a stated chance."""
    params = np.unique(losses.scale["params"])
    keep, largest = params[-sizes - 1], params[-1]
    small = losses.keep(losses.scale["params"] <= keep), scores.keep(scores.scale["params"] <= keep)
    large = join_scores(losses.keep(losses.scale["params"] == largest), scores, None, None)
    train = join_scores(*small, None, None)
    task, measured = large.scores.task, large.scores.value
    known = np.array([1 / OPTIONS.get(name, 4) for name in losses.tasks])
    # two sizes do not show what params do; the power law then reads FLOPs
    law = "chinchilla" if len(params) - sizes >= 3 else "power"
    curves = fit_curves(small[0], law)
    there = np.log(np.column_stack([large.scores.scale[name] for name in curves.scale_columns]))
    predicted = curves.distance(task, there)
    runs = [len(np.unique(each.run)) for each in (small[0], large.scores)]
    print(f"{runs[0]} runs of up to {keep:.3g} parameters fitted ({law}), {runs[1]} of {largest:.3g} predicted")
    rows = []
    for words, chance in (("fitted", None), ("stated", known)):
        linked = with_link(curves, *small, chance=chance)
        used = (curves.used & linked.link.used)[task]
        rivals = [
            unanchored(train.loss[mine], train.scores.value[mine], np.nan if chance is None else known[each])
            for each, mine in enumerate(train.scores.task == each for each in range(len(losses.tasks)))
        ]
        errors = []
        for loss in (predicted, large.loss):
            anchored = score(linked.link.parameters[task], loss)
            free = np.array([free_sigmoid(rivals[each], x) for each, x in zip(task, loss, strict=True)])
            errors += [_error(anchored - measured, task, used), _error(free - measured, task, used)]
        _, low, high = linked.predict_score(task, there)
        hit = ((low <= measured) & (measured <= high))[used].mean()
        print(
            f"    the 80 % interval of the mean curve holds {hit:.0%} of the measured scores, whose noise is not in it"
        )
        held = "the largest size" if sizes == 1 else f"the {sizes} largest sizes"
        rows.append((f"{held}, {len(np.unique(task[used]))} tasks", words, *errors))
    direct = fit_curves(small[1], law, draws=0)
    at = np.array([direct.tasks.index(losses.tasks[each]) for each in task])
    both = used & direct.used[at]
    error = _error(direct.predict(at, there)[0] - measured, task, both)
    return [(*row, f"{error}, {len(np.unique(task[both]))} tasks") for row in rows]


def _error(off: np.ndarray, task: np.ndarray, used: np.ndarray) -> str:
    """The mean of the used rows and, in brackets, the worst task's."""
    size = 100 * np.abs(off)
    worst = max(size[task == each].mean() for each in np.unique(task[used]))
    return f"{size[used].mean():.2f} ({worst:.2f})"


def main() -> None:
    """Hold out the largest size, then the two largest."""
    use_compilation_cache()
    path, loss_metric, score_metric = figures.arguments()
    losses, scores = read_pair(path, loss_metric, score_metric)
    rows = [row for sizes in (1, 2) for row in held_out(losses, scores, sizes)]
    head = (
        "held out",
        "chance",
        "law's loss, link",
        "free top",
        "measured loss, link",
        "free top",
        "no link: law of the score",
    )
    figures.put("link", figures.table(head, rows))


if __name__ == "__main__":
    main()
