"""The value of new runs that help to choose a strategy: closed forms of two normal beliefs, and what must hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from budget.allocation.spec.make_spec import plan_spec
from budget.errors import AllocationError, DataError
from budget.report.sentences.next_runs_sentences import next_summary
from budget.report.written_numbers import difference
from budget.studies.next_runs.best_strategy import BestStrategy
from budget.studies.next_runs.next_runs import next_runs
from budget.studies.next_runs.rival_strategies import Strategy, compete
from budget.studies.next_runs.value_of_information import Sampling, alone, best_batch, error, perfect, together
from budget.tables.tasks import TaskSettings, default_tasks
from tests.searched import fit_searched
from tests.simulate import TRUTHS, runs_of, table
from tests.studies.next_runs.test_next_runs import ALPHA, BUDGET, best_value, normal, two_powers

FIRST = BUDGET ** -ALPHA[0]
"""What the first task of a model of the whole budget is worth, but for its normal factor."""


def one_model(exact_curves, spread, noise, *, factor=1.0, seed=0, draws=800):
    """A shared model of two tasks: the first's log coefficient is normal about log(factor), the second is known."""
    curves = two_powers(exact_curves, spread, noise, draws)
    scenarios, parameters = curves.draws.copy(), curves.parameters.copy()
    scenarios[:, 0, 1] = np.log(factor) + spread * normal(draws, 10 + seed)
    parameters[0, 1] = np.log(factor)
    noise = noise * np.stack([normal(draws, 20 + seed), normal(draws, 30 + seed)], axis=1)
    return replace(
        curves, draws=scenarios, parameters=parameters, noise=noise, shared=np.ones(2, bool), group=np.zeros(2, int)
    )


def study_of(*curves, spend=200.0, budget=BUDGET):
    tasks = default_tasks(curves[0].tasks)
    strategies = [Strategy.of(str(at), each, plan_spec(each, tasks, budget), spend) for at, each in enumerate(curves)]
    return Sampling(tuple(strategies), np.random.default_rng(0))


def learnt(spread, noise):
    """Standard deviation of the posterior mean, and what is left of the variance, after one run."""
    return spread**2 / np.hypot(spread, noise), spread**2 * noise**2 / (spread**2 + noise**2)


def margrabe(first, second, deviation):
    """Mean of ``(F·exp(…) − S·exp(…))+`` of two lognormals of these means, by Margrabe's formula."""
    upper = np.log(first / second) / deviation + deviation / 2
    return first * norm.cdf(upper) - second * norm.cdf(upper - deviation)


def close(gain, exact):
    assert error(gain) < 0.35 * exact
    assert abs(gain.mean() - exact) < 3 * error(gain)


@pytest.mark.parametrize(("spread", "noise", "factor"), [(0.4, 0.2, 1.0), (0.4, 0.8, 1.1), (0.2, 0.1, 0.9)])
def test_a_run_of_one_of_two_strategies_is_worth_its_option(exact_curves, spread, noise, factor):
    """Each serves by one model, so a plan has no freedom and the decision alone is improved: a call on the mean."""
    study = study_of(one_model(exact_curves, spread, noise), one_model(exact_curves, 0.0, noise, factor=factor))
    mean, known = 0.5 * FIRST * np.exp(spread**2 / 2), 0.5 * FIRST * factor
    deviation, _ = learnt(spread, noise)
    exact = min(mean, known) - (mean - margrabe(mean, known, deviation))
    gain, state = alone(study, int(np.flatnonzero(study.runs.group == 0)[0]), {})
    close(gain, exact)
    regret, bound = perfect(study)
    np.testing.assert_allclose(regret.mean(), min(mean, known) - (mean - margrabe(mean, known, spread)), rtol=0.02)
    np.testing.assert_allclose(bound, [regret.mean(), 0.0], atol=1e-12)
    for run in np.flatnonzero(study.runs.group == 1):
        np.testing.assert_allclose(alone(study, int(run), {})[0], 0.0, atol=1e-12)

    share = norm.cdf(np.log(factor) / spread)
    best_strategy = BestStrategy.of(study, state, np.empty(0))
    np.testing.assert_allclose(best_strategy.share, [share, 1 - share], atol=2e-3)
    assert best_strategy.today == int(mean > known) and best_strategy.sure == best_strategy.share[best_strategy.today]
    centre = (
        spread**2 / 2 - deviation**2 / 2
    )  # first is chosen where the posterior mean of its log is below log f − left/2
    both = multivariate_normal([0, 0], [[spread**2, deviation**2], [deviation**2, deviation**2]]).cdf(
        [np.log(factor), np.log(factor) - centre]
    )
    chosen = norm.cdf((np.log(factor) - centre) / deviation)
    right = both + 1 - share - chosen + both
    assert abs(best_strategy.after - right) < 3 * np.sqrt(right * (1 - right) / 800)


def test_runs_of_both_strategies_are_worth_an_exchange_option(exact_curves):
    study = study_of(
        one_model(exact_curves, 0.4, 0.2), one_model(exact_curves, 0.3, 0.3, factor=1.02, seed=1), spend=200.0
    )
    means = 0.5 * FIRST * np.array([np.exp(0.4**2 / 2), 1.02 * np.exp(0.3**2 / 2)])
    deviation = np.hypot(learnt(0.4, 0.2)[0], learnt(0.3, 0.3)[0])
    exact = means.min() - (means[0] - margrabe(*means, deviation))
    pair = tuple(int(np.flatnonzero(study.runs.group == group)[0]) for group in (0, 1))
    gain, state = together(study, pair)
    close(gain, exact)
    alone_each = [alone(study, run, {})[0].mean() for run in pair]
    assert max(alone_each) < gain.mean() <= perfect(study)[0].mean()
    assert BestStrategy.of(study, state, np.empty(0)).more > 0
    regret = means.min() - (means[0] - margrabe(*means, np.hypot(0.4, 0.3)))
    assert abs(perfect(study)[0].mean() - regret) < 3 * error(perfect(study)[0])


@pytest.mark.parametrize(("noise", "factor"), [(0.8, 1.3), (0.8, 1.2)])
def test_several_runs_overturn_a_choice_that_none_does_alone(exact_curves, noise, factor):
    """Eight runs of one model have an eighth of the noise's variance: again a call on the mean."""
    spread = 0.4
    curves = [one_model(exact_curves, spread, noise, draws=400), one_model(exact_curves, 0.0, noise, factor=factor)]
    curves[1] = replace(curves[1], draws=curves[1].draws[:400], noise=curves[1].noise[:400])
    study = study_of(*curves)
    gain = np.array([alone(study, run, {})[0].mean() for run in range(len(study.runs.cost))])
    batch, added = best_batch(study, gain, 200.0, 8)
    assert len(batch) > 3 and set(study.runs.group[list(batch)]) == {0}
    assert study.runs.cost[list(batch)].sum() <= 200.0
    joint, _ = together(study, batch)
    mean, known = 0.5 * FIRST * np.exp(spread**2 / 2), 0.5 * FIRST * factor

    def worth(count):
        return min(mean, known) - (mean - margrabe(mean, known, learnt(spread, noise / np.sqrt(count))[0]))

    close(joint, worth(len(batch)))
    assert joint.mean() > 1.5 * worth(1)
    assert sum(added) > 3 * error(joint) and len(added) == len(batch)


@pytest.mark.parametrize("factor", [1.6, 2.0, 2.4])
def test_a_run_improves_the_plan_and_the_choice_together(exact_curves, factor):
    """Specialists split the budget anew after each outcome, and are left where one known model has become better."""
    spread, noise = 0.6, 0.3
    study = study_of(two_powers(exact_curves, spread, noise), one_model(exact_curves, 0.0, noise, factor=factor))
    known = 0.5 * (factor * FIRST + BUDGET ** -ALPHA[1])
    deviation, left = learnt(spread, noise)

    def after(z):
        return min(best_value(np.exp(deviation * z + left / 2)), known) * norm.pdf(z)

    split = best_value(np.exp(spread**2 / 2))
    exact = min(split, known) - quad(after, -7, 7, limit=200)[0]
    gain, _ = alone(study, int(np.flatnonzero(study.runs.group == 0)[0]), {})
    close(gain, exact)


def test_without_information_there_is_no_gain_even_in_a_tie(exact_curves):
    """Of equal means rounding decides, and must not lean to what the left-out draw makes look better."""
    curves = one_model(exact_curves, 0.4, 1e6, draws=200)
    tied, near = study_of(curves, curves), study_of(two_powers(exact_curves, 0.4, 1e6, draws=200), curves)
    for study in (tied, near):
        for run in range(len(study.runs.cost)):
            gain, _ = alone(study, run, {})
            assert abs(gain.mean()) <= 3 * error(gain) + 1e-5
    assert study_of(curves, curves).today.std() > 0.01


@pytest.fixture(scope="module")
def rivals(noisy_curves, shared_curves):
    """Specialists, and a generalist of nearly the same laws."""
    return {"specialist": noisy_curves, "generalist": shared_curves}


def worse(curves, by):
    """The same with every coefficient that many times larger."""
    draws, parameters = curves.draws.copy(), curves.parameters.copy()
    for position in curves.form.where("coefficient"):
        draws[..., position] += np.log(by)
        parameters[..., position] += np.log(by)
    return replace(curves, draws=draws, parameters=parameters)


def test_a_hopeless_rival_changes_nothing(noisy_curves, shared_curves):
    tasks = default_tasks(noisy_curves.tasks)
    single = next_runs({"good": noisy_curves}, tasks, 1e23, 1e21, count=3)
    both = next_runs({"good": noisy_curves, "bad": worse(shared_curves, 50)}, tasks, 1e23, 1e21, count=3)
    mine = both.strategy == 0
    np.testing.assert_array_equal(both.gain[mine], single.gain)
    np.testing.assert_array_equal(both.bound[mine], single.bound)
    np.testing.assert_array_equal(both.gain[~mine], 0.0)
    assert (both.batch, both.added) == (single.batch, single.added)
    assert both.batch_gain == single.batch_gain and both.regret == single.regret
    assert (
        both.best_strategy.name == "good"
        and both.best_strategy.sure == both.best_strategy.after == 1
        and (both.best_strategy.alone == 1).all()
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Three specialists and one model for three tasks that are nearly as good, from runs with 3 % noise."""
    folder = tmp_path_factory.mktemp("race")
    alone, shared = (
        fit_searched(runs_of(table(TRUTHS, noise=0.03, shared=seed > 0, seed=seed), folder), draws=300)
        for seed in (0, 4)
    )
    both = {"specialist": alone, "generalist": worse(shared, 1.13)}
    return next_runs(both, default_tasks(alone.tasks), 1e23, 1e21, seed=3)


def test_a_close_race_gives_both_strategies_value(found):
    best_strategy = found.best_strategy
    assert 0.4 < best_strategy.sure < 0.6 and best_strategy.more > 2 * best_strategy.more_error
    assert best_strategy.share.sum() == 1
    for at in (0, 1):
        mine = found.strategy == at
        assert (found.gain[mine] > 3 * found.error[mine]).any()
    assert (found.gain >= -3 * found.error).all()
    assert (found.gain <= found.bound + 3 * found.error).all() and (found.bound <= found.regret * (1 + 1e-9)).all()
    assert 0 < found.batch_gain <= found.regret
    assert best_strategy.after >= best_strategy.sure - 2 * best_strategy.more_error
    assert best_strategy.after - best_strategy.sure == pytest.approx(best_strategy.more)
    assert found.spent <= found.spend * (1 + 1e-9)


def test_columns_and_json_of_several_strategies(found):
    table = found.table()
    assert list(table.columns) == [
        "rank", "task", "strategy", "params", "tokens", "flops", "expected_gain", "error", "per_flop", "wins", "chosen",
        "reason", "seed",
    ]  # fmt: skip
    assert set(table.loc[table["strategy"] == "generalist", "task"]) == {"prose|code|maths"}
    assert set(table.loc[table["strategy"] == "specialist", "task"]) == {"prose", "code", "maths"}
    assert table["wins"].between(0, 1).all()
    record = found.record()
    assert record["strategy"] == record["winner"]["strategy"] == found.best_strategy.name
    assert [each["plan"] for each in record["strategies"]] == ["specialists", "shared"]
    assert sum(each["wins"] for each in record["strategies"]) == 1
    best = min(record["strategies"], key=lambda each: each["objective"])
    assert best["strategy"] == found.best_strategy.name
    assert set(record["strategies"][0]["perfect_information_by_task"]) == {"prose", "code", "maths"}


def test_the_summary_says_who_wins_and_what_the_batch_brings_to_it(found):
    best_strategy, other = found.best_strategy, 1 - found.best_strategy.today
    said = next_summary(found)
    assert said.startswith(
        f"Of 2 strategies, {best_strategy.name} has the best plan today: it wins in "
        f"{100 * best_strategy.sure:.1f} % of the draws, "
        f"{best_strategy.names[other]} in {100 * best_strategy.share[other]:.1f} %. That choice, "
        f"with its plan, is expected to be "
    )
    assert (
        f"the winner to be named with probability {100 * best_strategy.after:.1f} % (+{100 * best_strategy.more:.1f} ±"
        in said
    )
    for at, name in enumerate(("specialist: ", "generalist ")):
        added = [more for run, more in zip(found.batch, found.added, strict=True) if found.strategy[run] == at]
        assert (f"{len(added)} of {name}" in said) == bool(added) and "generalist: " not in said
        assert not added or f" {difference(sum(added))}" in said
    loses = replace(found, best_strategy=replace(best_strategy, more=-0.01))
    assert "(−1.0 ±" in next_summary(loses)


def test_the_seed_decides_everything(rivals):
    tasks = default_tasks(rivals["specialist"].tasks)
    once, again, other = (next_runs(rivals, tasks, 1e23, 1e20, seed=seed, count=2) for seed in (5, 5, 6))
    assert once.record() == again.record()
    assert once.record() != other.record()


def test_tasks_are_matched_by_name(rivals, noisy_curves):
    tasks = TaskSettings(noisy_curves.tasks, weight=np.array([1.0, 2.0, 4.0]))
    turned = {**rivals, "generalist": rivals["generalist"].take(np.array([2, 0, 1]))}
    (_, straight), _ = compete(rivals, tasks, 1e23, 1e22, 0)
    (_, found), notes = compete(turned, tasks, 1e23, 1e22, 0)
    assert found.curves.tasks == noisy_curves.tasks and notes == ()
    np.testing.assert_array_equal(found.planner.today(40), straight.planner.today(40))
    fewer = {**rivals, "specialist": noisy_curves.take(np.array([2, 1]))}
    strategies, notes = compete(fewer, tasks, 1e23, 1e22, 0)
    assert all(each.curves.tasks == ("maths", "code") for each in strategies)
    np.testing.assert_allclose(strategies[1].spec.weight, [2 / 3, 1 / 3])
    assert notes == (
        "Left out, since not every strategy has a usable curve of it: prose (only generalist).",
        "One model of generalist is paid for in full, whatever other tasks it serves.",
    )


def test_scores_from_fits_of_different_ceilings_are_compared_as_scores(rivals):
    ceilings = {"specialist": 100.0, "generalist": 95.0}
    scores = {
        name: replace(curves, higher_is_better=np.ones(3, bool), ceiling=np.full(3, ceilings[name]))
        for name, curves in rivals.items()
    }
    for measure, task_settings in (
        ("value", {}),
        ("progress", {"unserved": np.full(3, 20.0), "best": np.full(3, 99.5)}),
    ):
        strategies, _ = compete(
            scores, TaskSettings(rivals["specialist"].tasks, **task_settings), 1e23, 1e22, 0, measure=measure
        )
        both = [
            each.spec.measure.of(np.arange(3), each.curves.ceiling - np.array([50.0, 60.0, 70.0]))
            for each in strategies
        ]
        np.testing.assert_allclose(both[0], both[1])
        exact = -np.array([50.0, 60.0, 70.0]) if measure == "value" else -(np.array([30.0, 40.0, 50.0]) / 79.5)
        np.testing.assert_allclose(both[0], exact)


def test_limits_and_unaffordable_strategies_are_said(rivals):
    tasks = TaskSettings(rivals["specialist"].tasks, min=np.array([5e22, np.nan, np.nan]))
    large = rivals["generalist"]
    huge = replace(large, smallest={name: 1e4 * each for name, each in large.largest.items()})
    strategies, notes = compete({**rivals, "generalist": huge}, tasks, 1e23, 1e22, 0)
    assert len(strategies[0].runs.cost) and not len(strategies[1].runs.cost)
    assert notes[0].startswith("Limits min and max of a task's spend hold for strategies with one model a task")
    assert notes[1].startswith("generalist has no run below ")
    found = next_runs({**rivals, "generalist": huge}, tasks, 1e23, 1e20, count=1)
    assert set(found.table()["strategy"]) == {"specialist"}


def test_draws_are_paired_in_equal_number_and_independent_order(rivals):
    more = replace(rivals["generalist"], draws=rivals["generalist"].draws[:30], noise=rivals["generalist"].noise[:30])
    strategies, notes = compete({**rivals, "generalist": more}, default_tasks(more.tasks), 1e23, 1e22, 0)
    assert [len(each.curves.draws) for each in strategies] == [30, 30]
    assert notes == ("specialist: 30 of 40 draws are used.",)
    np.testing.assert_array_equal(np.sort(strategies[1].curves.draws[:, 0, 0]), np.sort(more.draws[:, 0, 0]))
    assert (strategies[1].curves.draws != more.draws).any()


@pytest.mark.parametrize(
    ("change", "asked", "kind", "sentence"),
    [
        ({}, {"strategy": "shared"}, AllocationError, "--strategy is for one curves file"),
        ({}, {"spend": 10.0}, AllocationError, "--spend 10 buys no run: the cheapest of the measured sizes costs"),
        (
            {"tasks": ("a", "b", "maths")},
            {},
            AllocationError,
            "specialist and generalist have 1 usable task in common",
        ),
        (
            {"metric": ("bits",) * 3},
            {},
            AllocationError,
            r"Task prose is measured by nats \(lower is better\) under spe",
        ),
        ({"draws": 5}, {}, DataError, "The curves of generalist have 5 draws"),
    ],
)
def test_mistakes_get_one_sentence(rivals, change, asked, kind, sentence):
    curves = rivals["generalist"]
    if "draws" in change:
        change = {"draws": curves.draws[:5], "noise": curves.noise[:5]}
    both = {**rivals, "generalist": replace(curves, **change)}
    names = tuple(dict.fromkeys(name for each in both.values() for name in each.tasks))
    with pytest.raises(kind, match=sentence):
        next_runs(both, default_tasks(names), 1e23, **({"spend": 1e22} | asked))


def test_one_unit_for_all(rivals, exact_curves):
    one_scale = replace(two_powers(exact_curves, 0.1, 0.1), tasks=rivals["specialist"].tasks[:2], metric=("nats",) * 2)
    with pytest.raises(AllocationError, match="The budget of specialist is counted in flops and that of other in x"):
        next_runs(
            {"specialist": rivals["specialist"], "other": one_scale},
            default_tasks((*one_scale.tasks, "maths")),
            1e23,
            1e22,
        )
