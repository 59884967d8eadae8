"""The laws' exports: natural parameters, posynomials, and the choice of law."""

import numpy as np
import pytest

from budget.curves.laws.convexity import GIVEN_BY_TASKS, numerical_form
from budget.curves.laws.names import SUMMARIES
from budget.curves.laws.surface import SHAPE, log_drift, shape_value
from budget.curves.laws.table import LAWS, choose_law, choose_scale, law_inputs
from budget.curves.planning_forms.form import PlanningForm
from budget.errors import DataError
from budget.tables.runs import read_runs
from tests.curves.cases import law_of_case, reference_of, truths_of
from tests.searched import fit_searched
from tests.simulate import TRUTHS, runs_of, table

POSYNOMIAL = [law for law in LAWS.values() if law.is_power_sum]


@pytest.mark.parametrize("law", POSYNOMIAL, ids=lambda law: law.name)
def test_posynomial_and_natural_parameters_say_the_same(law):
    random = np.random.default_rng(1)
    theta = random.uniform(0.1, 1.0, (4, len(law.parameters)))
    reference = random.uniform(1e3, 1e9, (4, len(law.inputs)))
    u = np.log(reference) + random.uniform(-3, 3, reference.shape)
    expected = law.value(theta, u - np.log(reference))
    np.testing.assert_allclose(law.planning_form(theta, reference).value(u), expected, rtol=1e-12)
    natural = law.natural(theta, reference)
    by_hand = natural[:, 0] + (natural[:, 1::2] * np.exp(u) ** -natural[:, 2::2]).sum(axis=1)
    np.testing.assert_allclose(by_hand, expected, rtol=1e-10)


@pytest.mark.parametrize("shape", [(2,), (5, 2), (1, 5, 2), (3, 5, 2), (4, 1, 5, 2)], ids=str)
def test_a_surface_beyond_the_runs_is_nowhere_above_its_value_at_their_end(shape):
    """Whatever shapes of draws and places meet: draws (3, 5, P), places of none, some or all of them."""
    random, law = np.random.default_rng(5), LAWS["surface"]
    theta = random.normal(0, 0.1, (3, 5, len(law.parameters)))
    theta[..., :SHAPE] = [0.5, 6.0, 0.0, 0.3, 0.1, 0.4, 1.0]
    theta[..., SHAPE : SHAPE + 2] = [3.0, 4.0]
    z = random.uniform(-3, 3, shape)
    here, there = (shape_value(theta, each) * np.exp(log_drift(theta, each)) for each in (z, np.minimum(z, 0.0)))
    assert (here > there).any() and (here < there).any()
    np.testing.assert_allclose(law.value(theta, z), np.minimum(here, there), rtol=1e-14)
    one, place = theta[0, 0], np.ones(2)
    assert law.value(one, place) == law.value(theta, place)[0, 0]


def test_law_and_scale_follow_the_columns(tmp_path):
    assert choose_law(("params", "tokens", "flops"), searched=True) == "chinchilla"
    assert choose_law(("flops",), searched=True) == "power"
    assert choose_scale(("params", "tokens", "flops")) == "flops"
    runs = runs_of(table(TRUTHS).drop(columns="params"), tmp_path)
    assert law_inputs(runs, LAWS["power"], "tokens") == ("tokens",)
    with pytest.raises(DataError, match="needs the column 'params'"):
        law_inputs(runs, LAWS["chinchilla"])
    with pytest.raises(DataError, match="--scale is for --law power"):
        law_inputs(runs, LAWS["chinchilla"], "tokens")
    with pytest.raises(DataError, match="needs the column 'x'"):
        law_inputs(runs, LAWS["power"], "x")


def test_runs_of_several_strategies_are_refused_where_their_curves_differ(tmp_path):
    """Reading keeps them, since the law ``shared`` compares numbers of tasks; every other law needs one strategy."""
    (tmp_path / "runs.csv").write_text("task,x,value,strategy\na,1,1,moe\na,2,1,trunk\n")
    runs = read_runs(tmp_path / "runs.csv")
    assert runs.strategy == "moe|trunk"
    with pytest.raises(DataError, match="--where strategy=moe") as caught:
        law_inputs(runs, LAWS["power"])
    assert "runs.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_the_help_of_the_command_line_says_what_the_records_say(law):
    assert SUMMARIES[law.name] == law.summary and list(SUMMARIES) == list(LAWS)


SINGLE = [law for law in LAWS.values() if not law.is_of_one_model]


@pytest.mark.parametrize("law", SINGLE, ids=lambda law: law.name)
def test_every_planning_form_is_the_law_and_its_derivatives(law):
    """A law's own form against its value alone, whose derivatives are differences; scaled, held, summed alike."""
    random, count = np.random.default_rng(2), 4
    reference = np.tile(reference_of(law.name), (count, 1))
    natural = np.array([list(truth.values()) for truth in truths_of(law.name, count)])
    theta = law.working(natural, reference)
    given = reference[:, [law.inputs.index(name) for name in law.inputs if name in GIVEN_BY_TASKS]] * 0.7
    mine, plain = law.planning_form(theta, reference, given), numerical_form(law, theta, reference, given)
    planned = [at for at, name in enumerate(law.inputs) if name not in GIVEN_BY_TASKS]
    factor, shift = random.uniform(0.5, 2.0, count), random.normal(size=count)

    def same(one: PlanningForm, other: PlanningForm, u: np.ndarray) -> None:
        np.testing.assert_allclose(one.value(u), other.value(u), rtol=1e-11)
        np.testing.assert_allclose(one.offset + one.terms(u).sum(axis=1), one.value(u), rtol=1e-12)
        scale = np.abs(one.value(u))[:, None]
        np.testing.assert_allclose(one.gradient(u) / scale, other.gradient(u) / scale, atol=1e-8)
        np.testing.assert_allclose(one.hessian(u) / scale[:, None], other.hessian(u) / scale[:, None], atol=1e-5)
        assert isinstance(one, PlanningForm) and one.inputs == u.shape[1] and len(one) == len(u)

    for _ in range(20):
        u = np.log(reference[:, planned]) + random.uniform(-4, 4, (count, len(planned)))
        same(mine, plain, u)
        same(mine.scaled(factor, shift), plain.scaled(factor, shift), u)
        same(mine.take(np.array([2, 0])), plain.take(np.array([2, 0])), u[[2, 0]])
        same(mine.summed, plain.summed, u[:1])
        if len(planned) == 2:
            same(mine.fix_input(0, u[:, 0]), plain.fix_input(0, u[:, 0]), u[:, 1:])
        if mine.is_convex:
            assert (np.linalg.eigvalsh(mine.hessian(u)) >= -1e-12 * np.abs(mine.hessian(u)).max()).all()
            assert (mine.gradient(u) <= 1e-12).all()
        if law.planning.has_tangents:
            below, there = mine.tangent(u), u + random.uniform(-2, 2, u.shape)
            np.testing.assert_allclose(below.value(u), mine.value(u), rtol=1e-12)
            np.testing.assert_allclose(below.gradient(u), mine.gradient(u), rtol=1e-9, atol=1e-12)
            assert (below.value(there) <= mine.value(there) * (1 + 1e-12)).all()


def test_an_unknown_law_is_refused_with_the_ones_there_are(tmp_path):
    with pytest.raises(DataError, match="There is no law 'cubic'; choose one of auto, power, chinchilla"):
        fit_searched(table(TRUTHS), "cubic")


@pytest.mark.parametrize("name", [law.name for law in LAWS.values() if law.is_of_one_model])
def test_every_form_of_one_model_is_the_law_along_a_mixture(name):
    """The terms of size and of mixture, for two tasks of a model of random size and shares of three sources."""
    law, random = law_of_case(name), np.random.default_rng(4)
    sources = law.sources or ("t0", "t1", "t2")
    reference = np.tile(reference_of(name), (2, 1))
    theta = law.working(np.array([list(truth.values()) for truth in truths_of(name, 2)]), reference)
    if law.sources:
        theta[:, law.transfers] = np.abs(theta[:, law.transfers])  # so that every mixture is a sum
    form = law.mixing(law, theta, reference, np.arange(2), len(sources))
    for _ in range(20):
        size, tokens = np.exp(random.uniform(16, 22)), np.exp(random.uniform(19, 24, len(sources)))
        known = {"params": size, "task_tokens": tokens[:2], "n_tasks": 3.0, **dict(zip(sources, tokens, strict=True))}
        inputs = np.column_stack([np.broadcast_to(known[column], 2) for column in law.inputs])
        effective = form.tau @ (tokens / tokens.sum())
        assert (effective > form.least_share).all()
        terms = np.exp(form.capacity - form.alpha * np.log(size))
        terms += np.exp(form.data - form.beta * np.log(tokens.sum() * effective))
        np.testing.assert_allclose(form.floor + terms, law.value(theta, np.log(inputs / reference)), rtol=1e-12)
