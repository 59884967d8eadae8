"""The expected value of sample information of new runs for a plan, alone and together.

Preposterior analysis (Raiffa & Schlaifer 1961; the knowledge gradient of Frazier, Powell & Dayanik 2008): every draw
of the curves in turn is taken for the truth and shows the outcome of a run, its prediction with the noise of a new
run; the draws are reweighted by the likelihood of that outcome (``posterior``), the budget is planned anew
(``replan``), and the plans with and without the outcome are judged under the draw that made it. The mean difference is
the value of the run.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from budget.allocation.question import Question
from budget.curves.fitted import Curves
from budget.studies.posterior import Observer, effective, weights
from budget.studies.replan import Planner
from budget.studies.run_grid import Runs
from budget.studies.tabulated import Response

SURE = 2.0
"""Standard errors above 0 from which a value is told from 0."""


@dataclass
class Sampling:
    """What all values of one study rest on.

    Attributes:
        curves: usable curves of T tasks whose B draws are all finite.
        question: the plan that new runs are to improve.
        groups: positions of the tasks that one run measures, for each of G groups.
        runs: C candidates.
        random: source of the outcomes.
        orders: whose noise the r-th new run of a group has in each draw; the same for all groups and candidates,
            so that these are compared on common random numbers.
    """

    curves: Curves
    question: Question
    groups: list[np.ndarray]
    runs: Runs
    random: np.random.Generator
    orders: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the plans and the observers."""
        self.planner = Planner.of(self.curves, self.question)
        self.observers = [Observer.of(self.curves, group) for group in self.groups]
        self.none = weights(np.zeros((self.draws, self.draws)))
        self.predicted: dict[int, np.ndarray] = {}

    @property
    def draws(self) -> int:
        """Their number B."""
        return len(self.curves.draws)

    def log_likelihood(self, run: int, which: int) -> np.ndarray:
        """(B, B), see ``Observer``, of a candidate that is the ``which``-th new run of its group."""
        group = self.runs.group[run]
        while len(self.orders) <= which:
            self.orders.append(self.random.permutation(self.draws))
        if run not in self.predicted:
            inputs = np.tile(np.log(self.runs.inputs[run]), (len(self.groups[group]), 1))
            self.predicted[run] = self.observers[group].predicted(inputs)
        return self.observers[group].log_likelihood(self.predicted[run], self.orders[which])

    def responses(self, group: int, weight: np.ndarray) -> dict[int, Response]:
        """What the models that serve a group answer under weights (B, B) of its draws."""
        one_model = len(self.planner.models) < len(self.curves.tasks)
        models = [0] if one_model else self.groups[group].tolist()
        return {model: self.planner.models[model].under(weight) for model in models}

    def worth(self, learnt: dict[int, Response]) -> np.ndarray:
        """See ``Planner.worth``."""
        return self.planner.worth(learnt, self.draws)


@dataclass(frozen=True)
class State:
    """What was learnt so far.

    Attributes:
        likelihood: group → (B, B) sum of its runs' log likelihoods.
        learnt: model → its response under the posteriors.
        taken: group → number of its runs.
    """

    likelihood: dict[int, np.ndarray]
    learnt: dict[int, Response]
    taken: dict[int, int]

    def after(self, study: Sampling, run: int) -> tuple["State", float]:
        """The state after one more run, and the mean effective sample size of the posteriors of its group."""
        group = int(study.runs.group[run])
        which = self.taken.get(group, 0)
        total = self.likelihood.get(group, 0.0) + study.log_likelihood(run, which)
        weight = weights(total)
        state = State(
            self.likelihood | {group: total},
            self.learnt | study.responses(group, weight),
            self.taken | {group: which + 1},
        )
        return state, float(effective(weight).mean())

    def judging(self, study: Sampling, group: int) -> "State":
        """The state in which a group is judged draw by draw, though nothing of it may have been learnt."""
        if group in self.likelihood:
            return self
        return replace(self, learnt=self.learnt | study.responses(group, study.none))


START = State({}, {}, {})


def alone(study: Sampling, run: int, bases: dict[int, np.ndarray]) -> tuple[np.ndarray, float]:
    """The gain of one run in each draw's world (B,), and the mean effective sample size of its posteriors.

    Args:
        study: what it rests on.
        run: the candidate.
        bases: group → what today's plan is worth in each draw's world; filled here.
    """
    state, size = START.after(study, run)
    group = int(study.runs.group[run])
    if group not in bases:
        bases[group] = study.worth(START.judging(study, group).learnt)
    return bases[group] - study.worth(state.learnt), size


def perfect(study: Sampling) -> tuple[np.ndarray, np.ndarray]:
    """The value of knowing the draw: of all groups in each draw's world (B,), and the mean of each alone (G,)."""
    exact = np.eye(study.draws)
    before: dict[int, Response] = {}
    after: dict[int, Response] = {}
    single = []
    for group in range(len(study.groups)):
        none, known = (study.responses(group, weight) for weight in (study.none, exact))
        single.append(float((study.worth(none) - study.worth(known)).mean()))
        before |= none
        after |= known
    return study.worth(before) - study.worth(after), np.array(single)


Batch = tuple[tuple[int, ...], tuple[float, ...]]
"""Candidates in the order of choice, and what each of them adds to those before it."""


def best_batch(study: Sampling, gain: np.ndarray, spend: float, count: int) -> Batch:
    """The better of two greedy batches, by value per cost and by value, and what each of its runs adds.

    Either alone can be far off under a budget; the better of both is not, of a submodular value (Leskovec et al. 2007).

    Args:
        study: what it rests on.
        gain: (C,) values of the candidates alone.
        spend: what there is for runs.
        count: most runs.
    """
    batches = [_greedy(study, gain, price, spend, count) for price in (study.runs.cost, np.ones(len(gain)))]
    return max(batches, key=lambda each: sum(each[1]))


def together(study: Sampling, batch: tuple[int, ...]) -> np.ndarray:
    """The gain of a batch in each draw's world (B,), on outcomes of their own."""
    if not batch:
        return np.zeros(study.draws)
    study.orders.clear()
    before = after = START
    for run in batch:
        before = before.judging(study, int(study.runs.group[run]))
        after, _ = after.after(study, run)
    return study.worth(before.learnt) - study.worth(after.learnt)


def error(gain: np.ndarray) -> float:
    """Standard error of a mean over the draws (B,)."""
    return float(gain.std(ddof=1) / np.sqrt(len(gain)))


def _greedy(study: Sampling, gain: np.ndarray, price: np.ndarray, spend: float, count: int) -> Batch:
    """Runs one by one; the candidate of the greatest old value is valued anew until it stays first (Minoux 1978)."""
    state, left = START, spend
    batch: list[int] = []
    added: list[float] = []
    stale = gain / price
    while len(batch) < count:
        fresh: dict[int, tuple[float, State]] = {}
        bases: dict[int, np.ndarray] = {}
        while True:
            fits = np.flatnonzero((study.runs.cost <= left * (1 + 1e-12)) & (stale > 0))
            if len(fits) == 0:
                return tuple(batch), tuple(added)
            first = int(fits[stale[fits].argmax()])
            if first in fresh:
                break
            group = int(study.runs.group[first])
            if group not in bases:
                bases[group] = study.worth(state.judging(study, group).learnt)
            then, _ = state.after(study, first)
            more = bases[group] - study.worth(then.learnt)
            fresh[first] = float(more.mean()), then
            stale[first] = more.mean() / price[first] if more.mean() > SURE * error(more) else 0.0
        value, state = fresh[first]
        batch.append(first)
        added.append(value)
        left -= study.runs.cost[first]
    return tuple(batch), tuple(added)
