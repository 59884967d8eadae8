"""The expected value of sample information of new runs for a decision, alone and together.

Preposterior analysis (Raiffa & Schlaifer 1961; the knowledge gradient of Frazier, Powell & Dayanik 2008): every draw
of the curves in turn is taken for the truth and shows the outcome of a run, its prediction with the noise of a new
run; the draws are reweighted by the likelihood of that outcome (``posterior``), the budget is planned anew
(``posterior_plans``) under every strategy, the one whose plan has the best posterior mean is chosen, and the decisions
with and without the outcome are judged under the draw that made it. The mean difference is the value of the run. With
one strategy the decision is its plan alone.

See docs/decisions/085-value-of-information-of-new-runs.md and
docs/decisions/153-new-runs-shown-by-predictions.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from budget.studies.next_runs.posterior import effective, weights
from budget.studies.next_runs.rival_strategies import Strategy, pooled
from budget.studies.next_runs.tabulated_plans import Response

SURE_ERRORS = 2.0
"""Standard errors above 0 from which a value is told from 0."""

Key = tuple[int, int]
"""Which strategy, and which of its models."""


@dataclass
class Sampling:
    """What all values of one study rest on.

    Attributes:
        strategies: A of them, with B draws each; draw b of all of them is one scenario.
        random: source of the outcomes.
        orders: whose noise the r-th new run of a group has in each draw; the same for all groups and candidates,
            so that these are compared on common random numbers.
    """

    strategies: tuple[Strategy, ...]
    random: np.random.Generator
    orders: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Pool the candidates and judge the plans of today."""
        self.runs = pooled(self.strategies)
        self.groups = [(at, group) for at, each in enumerate(self.strategies) for group in range(len(each.groups))]
        self.place = np.concatenate([np.arange(len(each.runs.cost)) for each in self.strategies])
        self.draws = len(self.strategies[0].curves.draws)
        # weights after an outcome that says nothing: equal, but for the draw that is left out
        self.none = weights(np.zeros((self.draws, self.draws)))
        self.predicted: dict[int, np.ndarray] = {}
        self.prior = [each.planner.plans({}, self.draws) for each in self.strategies]
        self.today = np.array([each.planner.today(self.draws) for each in self.strategies])
        self.start = State({}, {}, {}, *self.decide({}), float("nan"))

    @property
    def best_strategy(self) -> np.ndarray:
        """(B,) the strategy whose plan of today is the best in each scenario."""
        return self.today.argmin(axis=0)

    def log_likelihood(self, run: int, which: int) -> np.ndarray:
        """(B, B), see ``Observer``, of a candidate that is the ``which``-th new run of its group."""
        at, group = self.groups[self.runs.group[run]]
        strategy = self.strategies[at]
        while len(self.orders) <= which:
            # a permutation, so that every draw's noise is used once: less Monte Carlo error than independent choice
            self.orders.append(self.random.permutation(self.draws))
        if run not in self.predicted:
            inputs = np.log(strategy.runs.inputs[self.place[run]])
            rows = np.tile(inputs, (len(strategy.groups[group]), 1))
            self.predicted[run] = strategy.observers[group].predicted(rows)
        return strategy.observers[group].log_likelihood(self.predicted[run], self.orders[which])

    def responses(self, group: int, weight: np.ndarray) -> dict[Key, Response]:
        """What the models that serve a group answer under weights (B, B) of its draws."""
        at, mine = self.groups[group]
        strategy = self.strategies[at]
        models = [0] if strategy.one_model else strategy.groups[mine].tolist()
        return {(at, model): strategy.planner.models[model].under(weight) for model in models}

    def plans(self, learnt: Mapping[Key, Response]) -> tuple[np.ndarray, np.ndarray]:
        """What every strategy's plan is expected to be worth and is, both (A, B); see ``PosteriorPlanner.plans``."""
        pairs = []
        for at, strategy in enumerate(self.strategies):
            mine = {model: response for (whose, model), response in learnt.items() if whose == at}
            pairs.append(strategy.planner.plans(mine, self.draws) if mine else self.prior[at])
        expected, worth = zip(*pairs, strict=True)
        return np.array(expected), np.array(worth)

    def decide(self, learnt: Mapping[Key, Response]) -> tuple[np.ndarray, np.ndarray]:
        """The strategy whose plan is expected to be the best after each outcome (B,), and what it is worth (B,)."""
        expected, worth = self.plans(learnt)
        chosen = expected.argmin(axis=0)
        return chosen, worth[chosen, np.arange(self.draws)]


@dataclass(frozen=True)
class State:
    """What was learnt so far, and what is decided.

    Attributes:
        likelihood: group → (B, B) sum of its runs' log likelihoods.
        learnt: strategy and model → its response under the posteriors.
        taken: group → number of its runs.
        chosen: (B,) the strategy that is chosen after each outcome.
        worth: (B,) what its plan is worth in the scenario of that outcome.
        effective: mean effective sample size of the posteriors that came last.
    """

    likelihood: dict[int, np.ndarray]
    learnt: dict[Key, Response]
    taken: dict[int, int]
    chosen: np.ndarray
    worth: np.ndarray
    effective: float

    def after(self, study: Sampling, run: int) -> "State":
        """The state after one more run."""
        group = int(study.runs.group[run])
        which = self.taken.get(group, 0)
        total = self.likelihood.get(group, 0.0) + study.log_likelihood(run, which)
        # from the summed likelihoods and not from the weights before: tempering must see all runs at once
        weight = weights(total)
        learnt = self.learnt | study.responses(group, weight)
        return State(
            self.likelihood | {group: total},
            learnt,
            self.taken | {group: which + 1},
            *study.decide(learnt),
            float(effective(weight).mean()),
        )

    def judging(self, study: Sampling, *groups: int) -> "State":
        """The same decision where groups are judged draw by draw, though nothing of them may have been learnt."""
        # a group of which nothing is known counts by its mean; draw by draw the same mean has noise, and both sides of
        # a difference must share it
        fresh = [group for group in groups if group not in self.likelihood]
        if not fresh:
            return self
        learnt = dict(self.learnt)
        for group in fresh:
            learnt |= study.responses(group, study.none)
        worth = study.plans(learnt)[1][self.chosen, np.arange(study.draws)]
        return replace(self, learnt=learnt, worth=worth)


def alone(study: Sampling, run: int, bases: dict[int, np.ndarray]) -> tuple[np.ndarray, State]:
    """The gain of one run in each draw's scenario (B,), and the state after it.

    Args:
        study: what it rests on.
        run: the candidate.
        bases: group → what today's decision is worth in each draw's scenario; filled here.
    """
    state = study.start.after(study, run)
    group = int(study.runs.group[run])
    if group not in bases:
        bases[group] = study.start.judging(study, group).worth
    return bases[group] - state.worth, state


def perfect(study: Sampling) -> tuple[np.ndarray, np.ndarray]:
    """The value of knowing the draw: of all groups in each draw's scenario (B,), and the mean of each alone (G,)."""
    # weights 0 but for the true draw: a plan that knows it (expected value of perfect information)
    exact = np.eye(study.draws)
    every = range(len(study.groups))
    known = [study.responses(group, exact) for group in every]
    single = [(study.start.judging(study, group).worth - study.decide(known[group])[1]).mean() for group in every]
    all_known = {key: response for each in known for key, response in each.items()}
    return study.start.judging(study, *every).worth - study.decide(all_known)[1], np.array(single)


Batch = tuple[tuple[int, ...], tuple[float, ...]]
"""Candidates in the order of choice, and what each of them adds to those before it."""


def best_batch(study: Sampling, gain: np.ndarray, spend: float, count: int) -> Batch:
    """The best of a few batches, and what each of its runs adds.

    Greedy by value, by value per cost, and by value per share of what is scarce: of the spend and of the count. Any one
    can be far off under a budget; the better of the first two is not, of a submodular value (Leskovec et al. 2007), and
    the third does not fill a short batch with cheap runs. Where a choice is to be overturned, several runs can have a
    value that none has alone (it is not submodular: Chade & Schlee 2002), so that whole bundles are tried besides.

    Args:
        study: what it rests on.
        gain: (C,) values of the candidates alone.
        spend: what there is for runs.
        count: most runs.
    """
    cost = study.runs.cost
    prices = (cost, np.ones(len(gain)), cost / spend + 1 / count)
    batches = [_greedy(study, gain, price, spend, count) for price in prices]
    batches += [_joint(study, bundle) for bundle in _bundles(study, gain, spend, count)]
    return max(batches, key=lambda each: sum(each[1]))


def _bundles(study: Sampling, gain: np.ndarray, spend: float, count: int) -> list[tuple[int, ...]]:
    """Runs of one strategy in equal shares of the spend, of its groups in turn, each the best alone of its group."""
    found = []
    whose = np.array([at for at, _ in study.groups])[study.runs.group]
    for number in range(2, count + 1):
        for at in range(len(study.strategies)):
            mine = np.flatnonzero((whose == at) & (study.runs.cost * number <= spend * (1 + 1e-12)))
            mine = mine[np.argsort(-gain[mine], kind="stable")]
            _, first = np.unique(study.runs.group[mine], return_index=True)
            best = mine[np.sort(first)].tolist()
            if best:
                found.append(tuple(best[place % len(best)] for place in range(number)))
    return list(dict.fromkeys(found))


def _joint(study: Sampling, bundle: tuple[int, ...]) -> Batch:
    """A bundle with what each run adds, or no batch where even all together have no value that is told from 0."""
    groups = {int(study.runs.group[run]) for run in bundle}
    states = [study.start.judging(study, *groups)]
    for run in bundle:
        states.append(states[-1].after(study, run).judging(study, *groups))
    more = states[0].worth - states[-1].worth
    if not more.mean() > SURE_ERRORS * error(more):
        return (), ()
    worth = np.array([state.worth.mean() for state in states])
    return bundle, tuple((worth[:-1] - worth[1:]).tolist())


def together(study: Sampling, batch: tuple[int, ...]) -> tuple[np.ndarray, State]:
    """The gain of a batch in each draw's scenario (B,) on outcomes of their own, and the state after it."""
    # the outcomes that chose the batch favour it, so it is judged on others, which are the same whatever was tried
    study.orders.clear()
    study.random = study.random.spawn(1)[0]
    before = study.start.judging(study, *{int(study.runs.group[run]) for run in batch})
    after = study.start
    for run in batch:
        after = after.after(study, run)
    return before.worth - after.worth, after


def error(gain: np.ndarray) -> float:
    """Standard error of a mean over the draws (B,)."""
    return float(gain.std(ddof=1) / np.sqrt(len(gain)))


def _greedy(study: Sampling, gain: np.ndarray, price: np.ndarray, spend: float, count: int) -> Batch:
    """Runs one by one; the candidate of the greatest old value is valued anew until it stays first (Minoux 1978)."""
    state, left = study.start, spend
    batch: list[int] = []
    added: list[float] = []
    stale = gain / price
    while len(batch) < count:
        fresh: dict[int, tuple[float, State]] = {}
        bases: dict[int, np.ndarray] = {}
        # values mostly fall as runs are added, so an old one serves as a bound: whoever stays first when looked at
        # again is taken
        while True:
            fits = np.flatnonzero((study.runs.cost <= left * (1 + 1e-12)) & (stale > 0))
            if len(fits) == 0:
                return tuple(batch), tuple(added)
            first = int(fits[stale[fits].argmax()])
            if first in fresh:
                break
            group = int(study.runs.group[first])
            if group not in bases:
                bases[group] = state.judging(study, group).worth
            then = state.after(study, first)
            more = bases[group] - then.worth
            fresh[first] = float(more.mean()), then
            # a value that is not told from 0 is chance, and would fill the batch with it
            stale[first] = more.mean() / price[first] if more.mean() > SURE_ERRORS * error(more) else 0.0
        value, state = fresh[first]
        batch.append(first)
        added.append(value)
        left -= study.runs.cost[first]
    return tuple(batch), tuple(added)
