"""The plan of one shared model from fitted curves: what it says, what it refuses, and the command."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.allocation.mixture.mixture_problem import law_inputs_at
from budget.allocation.mixture.plan_mixture import plan_mixture, plan_shared
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.commands import main
from budget.curves.records.writing import record_of
from budget.errors import AllocationError, InfeasibleError
from budget.tables.files.text import json_text
from budget.tables.tasks import default_tasks
from tests.commands.invoking import ALLOCATION
from tests.curves.cases import planted
from tests.searched import fit_searched

BUDGET = 1e20


@pytest.fixture(scope="module")
def several():
    """Three tasks under the law of several tasks."""
    return fit_searched(planted("shared", 3, noise=0.005)[0], "shared", draws=12)


@pytest.fixture(scope="module")
def mixed():
    """Two tasks and three sources."""
    return fit_searched(planted("transfer", 2, noise=0.005, seed=24)[0], "transfer", draws=12)


def natural(curves):
    return curves.form.natural(curves.parameters, curves.reference).T


def with_tau(curves, tau):
    """The same curves with other coefficients of transfer, in the draws too."""
    at = curves.form.transfers
    parameters, draws = curves.parameters.copy(), curves.draws.copy()
    parameters[:, at], draws[:, :, at] = tau, tau
    return replace(curves, parameters=parameters, draws=draws)


def plan_of(curves, budget=BUDGET, weight=None, **options):
    tasks = default_tasks(curves.tasks)
    if weight is not None:
        tasks = replace(tasks, weight=np.array(weight, dtype=float))
    return plan_shared(curves, tasks, budget, **options)


def test_one_model_for_several_tasks_obeys_its_law(several):
    plan = plan_of(several, weight=[1, 2, 3])
    floor, a, alpha, b, beta, phi, psi = natural(several)
    params, tokens = plan.params[0], plan.source_tokens
    values = floor + a * 3**phi / params**alpha + b * 3**psi / tokens**beta
    np.testing.assert_allclose(plan.predicted, values, rtol=1e-10)
    np.testing.assert_allclose(plan.objective, values @ [1, 2, 3] / 6, rtol=1e-10)
    np.testing.assert_allclose(6 * params * tokens.sum(), BUDGET, rtol=1e-9)
    # Karush-Kuhn-Tucker: one more token brings as much of every task, and as much as it costs
    marginal = np.array([1, 2, 3]) / 6 * beta * b * 3**psi / tokens ** (beta + 1)
    np.testing.assert_allclose(plan.source_marginal, marginal, rtol=1e-6)
    np.testing.assert_allclose(marginal, marginal[0], rtol=1e-4)
    np.testing.assert_allclose(plan.shadow_price, marginal[0] / (6 * params), rtol=1e-4)
    assert 0 <= plan.gap < 1e-9 and plan.solver_status == "optimal"
    assert plan.sources == several.tasks and plan.failed_draws == 0 and plan.drawn == 12


def test_ranges_hold_the_point_and_baselines_are_worse(several, mixed):
    for curves in (several, mixed):
        plan = plan_of(curves, weight=np.arange(1, len(curves.tasks) + 1))
        assert (plan.share_low <= plan.share).all() and (plan.share <= plan.share_high).all()
        assert (plan.low <= plan.predicted).all() and (plan.predicted <= plan.high).all()
        low, high = plan.input_ranges["params"]
        assert low < high and 0.5 * low < plan.params[0] < 2 * high
        assert {each.name for each in plan.baselines} == {"uniform", "proportional"}
        assert all(plan.gain_over(each) > 0 for each in plan.baselines)
        np.testing.assert_allclose([each.share.sum() for each in plan.baselines], 1.0)


def test_a_baseline_stands_at_its_own_best_size(several):
    uniform = plan_of(several, draws=False).baselines[0]
    floor, a, alpha, b, beta, phi, psi = natural(several)
    params = uniform.params * np.geomspace(0.9, 1.1, 2001)[:, None]
    each = BUDGET / (6 * params) / 3
    values = (floor + a * 3**phi / params**alpha + b * 3**psi / each**beta).mean(axis=1)
    np.testing.assert_allclose(uniform.objective, values.min(), rtol=1e-9)


def test_transfer_to_no_other_task_is_the_law_of_several_without_k(several, mixed):
    """The same two tasks written in both laws."""
    theta = mixed.parameters[:, :5]
    apart = with_tau(mixed, np.eye(2, 3))
    own = several.take(np.arange(2))
    alike = replace(
        own,
        tasks=mixed.tasks,
        parameters=np.hstack([theta, np.zeros((2, 2))]),
        reference=np.column_stack([mixed.reference[:, :2], np.ones(2)]),
    )
    one, other = plan_of(apart, draws=False), plan_of(alike, draws=False)
    np.testing.assert_allclose(one.objective, other.objective, rtol=1e-12)
    np.testing.assert_allclose(one.source_tokens[:2], other.source_tokens, rtol=1e-5)
    assert one.source_tokens[2] == 0 and one.source_binding[2] == "unused"


def test_scores_are_maximized(mixed):
    scores = replace(mixed, higher_is_better=np.ones(2, dtype=bool), ceiling=np.full(2, 10.0), metric=("accuracy",) * 2)
    loss, score = plan_of(mixed, draws=False), plan_of(scores, draws=False)
    np.testing.assert_allclose([score.objective, score.bound], [10 - loss.objective, 10 - loss.bound])
    assert score.gap >= 0 and all(score.gain_over(each) > 0 for each in score.baselines)
    assert (score.low <= score.predicted).all() and (score.predicted <= score.high).all()


def test_progress_is_the_value_with_other_weights(mixed):
    unserved = np.array([4.0, 9.0])
    tasks = replace(default_tasks(mixed.tasks), unserved=unserved)
    plan = plan_mixture(mixed, plan_spec(mixed, tasks, BUDGET, measure="progress"), draws=False)
    floor = mixed.parameters[:, 0]
    same = plan_of(mixed, weight=1 / (unserved - floor), draws=False)
    np.testing.assert_allclose(plan.source_tokens, same.source_tokens, rtol=1e-5, atol=1e3)
    progress = (unserved - plan.predicted) / (unserved - floor)
    np.testing.assert_allclose(plan.objective, progress.mean(), rtol=1e-9)
    assert plan.larger_is_better and not plan.higher_is_better and plan.metric == mixed.metric[0]
    assert 0 <= plan.gap < 1e-9 and plan.objective <= plan.bound + 1e-12
    assert all(plan.gain_over(each) > 0 for each in plan.baselines)


def test_what_one_model_is_not_planned_for_is_refused(mixed):
    tasks = default_tasks(mixed.tasks)
    for asked, word in (({"objective": "worst"}, "--objective"), ({"further": {"tokens": 1e9}}, "--limit")):
        with pytest.raises(AllocationError, match=f"leave out {word}"):
            plan_mixture(mixed, plan_spec(mixed, tasks, BUDGET, **asked), draws=False)


def test_unique_tokens_of_the_tasks_file_limit_their_sources(several):
    tasks = replace(default_tasks(several.tasks), unique_tokens=np.array([1e9, np.nan, np.nan]))
    plan = plan_mixture(several, plan_spec(several, tasks, BUDGET), draws=False)
    np.testing.assert_allclose(plan.source_tokens[0], 1e9, rtol=1e-6)
    assert plan.source_binding == ("limit", "budget", "budget") and 0 <= plan.gap < 1e-6


def test_a_task_without_weight_is_predicted_and_not_planned(mixed):
    plan = plan_of(mixed, weight=[0, 1], draws=False)
    alone = plan_of(mixed.take(np.array([1])), draws=False)
    np.testing.assert_allclose(plan.objective, alone.objective, rtol=1e-12)
    assert np.isfinite(plan.predicted).all() and plan.predicted[0] > mixed.parameters[0, 0]


def test_limits_hold_and_what_stays_unspent_is_said(mixed):
    unique = {"t1": 3e9, "t0": 2e9, "web": 1e9}
    plan = plan_of(mixed, unique=unique, draws=False)
    limit = np.array([unique[name] for name in plan.sources])
    assert (plan.source_tokens <= limit * (1 + 1e-9)).all() and "limit" in plan.source_binding
    assert plan.objective > plan_of(mixed, draws=False).objective and 0 <= plan.gap < 1e-6
    assert plan.baselines and all(plan.gain_over(each) >= 0 for each in plan.baselines)
    more = plan_of(mixed, BUDGET * 1.001, unique=unique, draws=False)
    np.testing.assert_allclose(plan.shadow_price, (plan.objective - more.objective) / (0.001 * BUDGET), rtol=1e-2)
    given = plan_of(mixed, 1e11, unit="tokens", params=1e8, unique=unique, draws=False)
    assert given.total <= 6e9 * (1 + 1e-9) and set(given.binding) == {"limit"} and given.shadow_price == 0
    assert any("tokens stay unspent" in note for note in given.notes)
    loose = plan_of(mixed, unique={"web": 1e30}, draws=False)
    np.testing.assert_allclose(loose.objective, plan_of(mixed, draws=False).objective, rtol=1e-9)


def test_the_price_of_a_limit_is_what_more_of_the_source_brings(mixed):
    """Finite differences: the source's tokens raised by 1 %, whether the plan chooses the size or not."""
    unique = {"t1": 3e9, "web": 1e9}
    for options in ({}, {"budget": 1e11, "unit": "tokens", "params": 1e8}):
        plan = plan_of(mixed, unique=unique, draws=False, **options)
        budget, *limits = plan.limits
        assert (budget.name, budget.bound, budget.used) == ("budget", plan.spec.budget, plan.total)
        assert budget.price == plan.shadow_price == plan.marginal[0]
        assert [line.name for line in limits] == ["unique tokens of t1", "unique tokens of web"]
        for line, (source, tokens) in zip(limits, unique.items(), strict=True):
            assert line.bound == tokens and line.used == plan.source_tokens[plan.sources.index(source)]
            more, less = (
                plan_of(mixed, unique=unique | {source: tokens * factor}, draws=False, **options).objective
                for factor in (1.01, 0.99)
            )
            np.testing.assert_allclose(line.per_percent, (less - more) / 2, rtol=1e-2, atol=1e-6)
        assert limits[0].per_percent > 1e-4


def test_every_mixture_takes_what_it_says_of_the_budget(mixed):
    """Of FLOPs all, although sources end; of tokens no more than there are."""
    unique = {"t1": 3e9, "t0": 2e9, "web": 1e9}
    plan = plan_of(mixed, unique=unique, draws=False)
    np.testing.assert_allclose(mixed.cost.flops(plan.params, plan.tokens), plan.spend, rtol=1e-6)
    assert all((each.spend == BUDGET).all() for each in (plan, *plan.baselines))
    for each in plan.baselines:  # the tokens that the rest of the budget pays for are there
        taken = each.share * BUDGET / (6 * each.params)
        assert (taken <= [unique[name] * (1 + 1e-4) for name in each.sources]).all()
    given = plan_of(mixed, 1e11, unit="tokens", params=1e8, unique=unique, draws=False)
    np.testing.assert_allclose([each.spend[0] for each in given.baselines], [6e9, 5e9], rtol=1e-9)


def test_targets_are_judged_as_in_any_plan(several):
    values = plan_of(several, draws=False).predicted
    tasks = replace(default_tasks(several.tasks), target=np.array([values[0] * 1.01, values[1] * 0.99, np.nan]))
    plan = plan_mixture(several, plan_spec(several, tasks, BUDGET), draws=False)
    np.testing.assert_array_equal(plan.target_met, [1, 0, np.nan])
    np.testing.assert_allclose([plan.breadth, plan.depth], [1, values.mean()])


def test_the_json_has_the_keys_of_any_plan_and_its_mixture(several, mixed, noisy_curves):
    weight = np.arange(1.0, 4.0)
    tasks = replace(default_tasks(noisy_curves.tasks), weight=weight)
    split = allocate(noisy_curves, plan_spec(noisy_curves, tasks, BUDGET)).record()
    assert split["draws"] == len(noisy_curves.draws)
    for curves in (several, mixed):
        one = plan_of(curves, weight=weight[: len(curves.tasks)], unique={"t0": 1e9}).record()
        assert set(one) == set(split) | {"mixture"}
        assert set(one["baselines"][0]) == set(split["baselines"][0]) | {"params", "mixture"}
        assert set(one["tasks"][0]) == set(split["tasks"][0])
        assert set(one["limits"][-1]) == set(split["limits"][0])
        assert set(one["mixture"][0]) == {
            "source", "tokens", "share", "share_low", "share_high", "marginal", "binding",
        }  # fmt: skip
        assert sum(one["baselines"][0]["mixture"].values()) == pytest.approx(1)
        json.loads(json_text(one))


def test_limits_are_planned_for_some_draws_and_that_is_said(mixed, monkeypatch):
    monkeypatch.setattr("budget.allocation.mixture.plan_mixture.LIMITED_DRAWS", 9)
    plan = plan_of(mixed, unique={"t1": 3e9})
    assert plan.drawn == 9 and any("first 9 of 12 draws" in note for note in plan.notes)
    assert (plan.share_low <= plan.share).all() and (plan.share <= plan.share_high).all()


def test_broken_and_impossible_draws_are_counted(mixed):
    draws = mixed.draws.copy()
    draws[2, 0, 1] = np.nan
    draws[5, :, mixed.form.transfers] = np.array([[1.0, -2.0], [-2.0, 1.0], [0.0, 0.0]])
    plan = plan_of(replace(mixed, draws=draws))
    assert plan.failed_draws == 2 and plan.drawn == 12
    assert any(note.startswith("2 of 12 draws could not be planned") for note in plan.notes)
    assert np.isfinite(plan.share_low).all()
    none = plan_of(replace(mixed, draws=np.full_like(draws, np.nan)))
    assert none.failed_draws == 12 and np.isnan(none.share_low).all() and none.input_ranges == {}


def test_harm_beyond_the_law_is_infeasible(mixed):
    with pytest.raises(InfeasibleError, match="help one task harm another"):
        plan_of(with_tau(mixed, [[1.0, -2.0, 0.0], [-2.0, 1.0, 0.0]]))
    with pytest.raises(InfeasibleError, match="No source helps t1"):
        plan_of(with_tau(mixed, [[1.0, 0.0, 0.0], [-1.0, 0.0, -1.0]]))


def test_a_mixture_held_at_the_edge_says_so(mixed):
    plan = plan_of(with_tau(mixed, [[1.0, 0.0, 0.0], [-0.5, 1.0, 0.0]]), weight=[1, 1e-9])
    assert any("held where the effective data of t1 are 1%" in note for note in plan.notes)
    assert plan.gap < 1e-9


@pytest.mark.parametrize(
    ("law", "change", "asked", "sentence"),
    [
        ("transfer", {}, {"weight": [0, 0]}, "not all of them 0"),
        ("transfer", {}, {"weight": [-1, 2]}, "at least 0"),
        ("transfer", {}, {"weight": [np.nan, 2]}, "at least 0"),
        ("shared", {}, {"weight": [0, 1, 1]}, "weight 0 would get no tokens.*: t0;"),
        ("transfer", {"cost": None}, {}, "use --unit tokens"),
        ("transfer", {}, {"unit": "tokens"}, "--params N"),
        ("transfer", {}, {"budget": -1.0}, "budget is -1"),
        ("transfer", {}, {"unique": {"books": 1e9}}, "no source 'books'.*t0, t1, web"),
        ("transfer", {}, {"unique": {"web": 0.0}}, "limited to 0 tokens"),
        ("transfer", {"largest": {"params": np.full(2, 1e9)}}, {}, "no flops"),
        ("transfer", {"metric": ("nats", "bits")}, {}, "several metrics.*column 'unserved'"),
    ],
)
def test_questions_that_make_no_sense_are_refused(several, mixed, law, change, asked, sentence):
    curves = replace(several if law == "shared" else mixed, **change)
    with pytest.raises(AllocationError, match=sentence):
        plan_of(curves, **asked)


def test_one_measured_size_says_nothing_of_the_best(mixed):
    same = {"params": np.full(2, 1e9)}
    flat = replace(mixed, smallest={**mixed.smallest, **same}, largest={**mixed.largest, **same})
    with pytest.raises(AllocationError, match=r"All runs have 1e\+09 parameters"):
        plan_of(flat)
    assert plan_of(flat, 1e10, unit="tokens", params=1e9, draws=False).params[0] == pytest.approx(1e9)


def test_specialists_are_not_read_off_one_model(mixed):
    with pytest.raises(AllocationError, match="one model for several tasks"):
        plan_spec(mixed, default_tasks(mixed.tasks), BUDGET, strategy="specialists")


@pytest.mark.parametrize("law", ["shared", "transfer"])
def test_the_command(several, mixed, law, tmp_path):
    curves = several if law == "shared" else mixed
    path = tmp_path / "curves.json"
    path.write_text(json_text(record_of(curves)))

    def run(*more):
        return CliRunner().invoke(main, ["allocate", str(path), "--budget", "1e20", *more], catch_exceptions=False)

    result = run()
    assert result.exit_code == 0
    frame = pd.read_csv(io.StringIO(result.stdout))
    assert list(frame.columns) == ALLOCATION and list(frame["task"]) == list(curves.tasks)
    assert (frame["strategy"] == "shared").all() and frame["params"].nunique() == 1
    for words in ("no plan is better than", "gap", "interior point, optimal", "Shares of the tokens"):
        assert words in result.stderr
    record = json.loads(run("--json").stdout)
    assert {"objective", "bound", "gap", "shadow_price", "solver", "status", "baselines", "mixture"} <= set(record)
    shares = {row["source"]: row["share"] for row in record["mixture"]}
    assert sum(shares.values()) == pytest.approx(1) and len(shares) == 3
    np.testing.assert_allclose(sum(row["tokens"] for row in record["mixture"]), frame["tokens"][0], rtol=1e-9)
    refused = run("--strategy", "specialists")
    assert refused.exit_code == 1 and "one model for several tasks" in refused.stderr


@pytest.mark.slow
def test_regmix(shared_data):
    """Five real tasks and 17 real sources: the planned mixture is predicted to beat every one that was measured."""
    shares = pd.read_csv(shared_data / "regmix" / "train_mixture_1m.csv").set_index("index")
    losses = pd.read_csv(shared_data / "regmix" / "train_pile_loss_1m.csv").set_index("index")
    tokens = 1e9 * shares.rename(columns=lambda name: name.removeprefix("train_"))
    losses = losses.rename(columns=lambda name: name.removeprefix("metric/").removesuffix("_val_loss"))
    names = [f"the_pile_{name}" for name in ("arxiv", "wikipedia_en", "github", "pubmed_abstracts")]
    runs = losses.loc[:, names].melt(var_name="task", ignore_index=False).reset_index(names="run")
    mixtures = tokens.melt(var_name="source", value_name="tokens", ignore_index=False).reset_index(names="run")
    curves = fit_searched(runs.assign(params=1e6, tokens=1e9), "transfer", mixtures=mixtures, draws=0)
    plan = plan_of(curves, 1e9, unit="tokens", params=1e6)
    assert plan.gap < 1e-9 and plan.objective < losses[names].mean(axis=1).min()
    with pytest.raises(AllocationError, match="All runs have 1e"):
        plan_of(curves, 1e18)


@pytest.mark.parametrize("name", ["several", "mixed"])
@pytest.mark.parametrize("budget", [1e19, 1e20, 1e22, 1e25])
@pytest.mark.parametrize("reach", [1.0, 3.0, 30.0])
def test_one_model_stays_within_reach_and_its_bound_is_tight(request, name, budget, reach):
    curves = request.getfixturevalue(name)
    plan = plan_of(curves, budget, reach=reach, draws=False)
    largest = {scale: curves.largest[scale].min() for scale in ("params", "tokens", "flops")}
    assert plan.params[0] <= reach * largest["params"] * (1 + 1e-6)
    assert plan.tokens[0] <= reach * largest["tokens"] * (1 + 1e-6)
    assert plan.spend[0] <= min(budget, reach * largest["flops"]) * (1 + 1e-9)
    np.testing.assert_allclose(6 * plan.params[0] * plan.tokens[0], plan.spend[0], rtol=1e-6)
    assert 0 <= plan.gap < 1e-7 and plan.solver_status == "optimal"
    free = plan_of(curves, budget, draws=False)
    assert plan.objective >= free.objective - 1e-12
    # no size and tokens within the reach are better, by brute force over sizes at the plan's own mixture
    sizes = np.geomspace(1e-4, 1.0, 400) * reach * largest["params"]
    tokens = np.minimum(plan.spend[0] / (6 * sizes), reach * largest["tokens"])
    values = [
        curves.distance(np.arange(len(curves.tasks)), law_inputs_at(curves, size, total * plan.share)).mean()
        for size, total in zip(sizes, tokens, strict=True)
    ]
    assert min(values) >= plan.objective - 1e-9


def test_prices_of_the_reach_are_what_a_little_more_of_it_brings(several):
    for budget, reach in ((1e25, 3.0), (1e25, 30.0)):
        plan = plan_of(several, budget, reach=reach, draws=False)
        more = plan_of(several, budget, reach=reach * 1.001, draws=False)
        lines = [line for line in plan.limits if line.name.startswith("reach of ")]
        assert lines and plan.limits[0].price == 0
        expected = sum(line.price * line.bound * 0.001 for line in lines)
        np.testing.assert_allclose(plan.objective - more.objective, expected, rtol=0.01)
        assert any(note.startswith("Lifting the reach (--reach inf) would bring") for note in plan.notes)
        assert any("stay unspent: the model is at its reach" in note for note in plan.notes)
        assert set(plan.binding) == {"reach"}


def test_finite_sources_keep_to_the_reach(mixed):
    limit = {mixed.form.sources[0]: 3e8}
    for budget in (1e20, 1e23):
        plan = plan_of(mixed, budget, reach=2.0, unique=limit, draws=False)
        assert plan.params[0] <= 2 * mixed.largest["params"].min() * (1 + 1e-6)
        assert plan.tokens[0] <= 2 * mixed.largest["tokens"].min() * (1 + 1e-6)
        assert plan.source_tokens[0] <= 3e8 * (1 + 1e-6) and 0 <= plan.gap < 1e-6
