"""Every law by every command, those added by CONTRIBUTING's recipe included: it works, or says why in a sentence."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.commands import main
from budget.curves.laws.convexity import CONVEX, NOT_KNOWN_CONVEX
from budget.curves.laws.law import LOG_COEFFICIENT, TYPICAL, Law, Parameter
from budget.curves.laws.table import LAWS
from budget.errors import AllocationError
from budget.tables.tasks import default_tasks
from tests.curves.cases import planted
from tests.integration.kaplan import LAW as KAPLAN
from tests.made import SIX, curves_of
from tests.oracles.laws import FORMULAS

PLANNED = {
    "power",
    "chinchilla",
    "repeat",
    "m4",
    "bnsl",
    "shared",
    "transfer",
    "kaplan",
    "stretched",
    "trend",
    "surface",
    "surface_repeat",
}
"""Laws by which the budget can be allocated."""


def _stretched(theta, z, xp):
    """A stretched exponential of one scale, ``E + A·exp(−(x/x0)^c)``."""
    return 0.0, -xp.exp(theta[..., 2] * (z[..., 0] - theta[..., 3]))


STRETCHED = Law(
    name="stretched",
    formula="E + A·exp(-(x/x0)^c)",
    reference="Kohlrausch 1854",
    inputs=("scale",),
    parameters=(
        Parameter("E", "floor"),
        Parameter("A", "coefficient", *LOG_COEFFICIENT, exponent=2),
        Parameter("c", "plain", 0.02, 3.0, grid=(0.1, 0.2, 0.4), typical=(0.1, 0.2)),
        Parameter("x0", "place", -20.0, 20.0, grid=(-0.5, 0.0, 0.5)),
    ),
    basis=_stretched,
    example=lambda task: {"x": np.geomspace(1e3, 1e9, 20)},
)


def runs_of_law(name, folder):
    """A small file of runs that follow the law, and what the commands need beside it."""
    random = np.random.default_rng(0)
    law = LAWS[name]
    followed = law.planned_as or name  # a posterior's curves have no formula of their own
    if followed not in FORMULAS:
        frames = []
        for task in range(2):
            inputs = law.example(task)
            ends = [p.typical or TYPICAL[p.kind] for p in law.parameters]
            theta = np.array([low + (0.4 + 0.2 * task) * (high - low) for low, high in ends])
            z = np.log(np.column_stack(list(inputs.values())))
            value = law.value(theta, z - z.mean(axis=0)) * np.exp(0.01 * random.normal(size=len(z)))
            frames.append(pd.DataFrame({"task": f"t{task}", "value": value, **inputs}))
        pd.concat(frames).to_csv(folder / "runs.csv", index=False)
        named = ["--scales", ",".join(law.inputs)] if law.reads_named_scales else []
        return ["--law", name, *named], "task,weight\nt0,1\nt1,1\n"
    runs, _ = planted(followed, 2, noise=0.01)
    columns = {column: each for column, each in runs.columns.items() if column not in ("t0", "t1", "web")}
    frame = pd.DataFrame({"task": [runs.tasks[task] for task in runs.task], "run": runs.run, "value": runs.value})
    frame = frame.assign(**columns)
    options = ["--law", name]
    if law.counts_tasks:
        frame = frame.assign(strategy="moe")
    if runs.mixture is not None:
        mixed = pd.DataFrame(runs.mixture.tokens, columns=list(runs.mixture.sources)).assign(run=runs.run)
        mixed.melt("run", var_name="source", value_name="tokens").to_csv(folder / "mixtures.csv", index=False)
        options += ["--mixtures", folder / "mixtures.csv"]
    frame.to_csv(folder / "runs.csv", index=False)
    return options, "task,weight,unique_tokens\nt0,1,1e10\nt1,1,2e10\n"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def works_or_says_why(result):
    """True where it worked; a refusal is one sentence, and nothing else is allowed."""
    if result.exit_code == 0:
        return True
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), (result.output, result.exception)
    last = result.stderr.rstrip("\n").split("\n")[-1]
    assert last.startswith("Error: ") and len(last.removeprefix("Error: ")) <= 300, result.stderr
    return False


def plausible(values, smallest=0.0, largest=1e3):
    assert len(values) and np.isfinite(values).all() and (values >= smallest).all() and (values <= largest).all()


@pytest.fixture(params=[*LAWS, "kaplan", "stretched"])
def law(request, monkeypatch):
    """The name of a law, one that is added by the recipe among them."""
    for added in (KAPLAN, STRETCHED):
        monkeypatch.setitem(LAWS, added.name, added)
    return request.param


@pytest.mark.slow
def test_every_command_works_or_refuses_with_one_sentence(law, tmp_path):
    options, task_settings = runs_of_law(law, tmp_path)
    runs, tasks, curves = tmp_path / "runs.csv", tmp_path / "tasks.csv", tmp_path / "curves.json"
    tasks.write_text(task_settings)
    budget = "1e9" if LAWS[law].reads_one_scale else "1e21"

    assert works_or_says_why(run("check", runs, *options)), "check"
    fitted = run("fit", runs, *options, "--draws", 24, "--out", curves)
    assert works_or_says_why(fitted), fitted.stderr
    table = json.loads(curves.read_text())["tasks"]
    assert all(task["status"] in ("ok", "at_bound", "outliers", "ill_determined") for task in table), table

    points = pd.read_csv(runs).head(6)
    if law == "transfer":
        points = pd.DataFrame({"task": "t0", "params": [1e8, 1e9], "t0": 1e10, "t1": 1e9, "web": 1e9})
    points.drop(columns=["value", "run"], errors="ignore").to_csv(tmp_path / "points.csv", index=False)
    predicted = run("predict", curves, "--at", tmp_path / "points.csv")
    assert works_or_says_why(predicted), predicted.stderr
    frame = pd.read_csv(io.StringIO(predicted.stdout))
    plausible(frame["predicted"])
    if law != "transfer":
        np.testing.assert_allclose(frame["predicted"], pd.read_csv(runs)["value"].head(6), rtol=0.05)

    # so little is hidden that nothing is compiled anew
    judged = run("backtest", runs, *options, "--draws", 12, "--holdout", 0.1, "--origins", 1)
    if works_or_says_why(judged):
        frame = pd.read_csv(io.StringIO(judged.stdout))
        plausible(frame.loc[frame["law"] == law, "error"], largest=0.2)

    allocated = run("allocate", curves, "--tasks", tasks, "--budget", budget)
    assert works_or_says_why(allocated) == (law in PLANNED), allocated.stderr
    if allocated.exit_code == 0:
        frame = pd.read_csv(io.StringIO(allocated.stdout))
        plausible(frame["predicted"])
        plausible(frame["spend"], largest=float(budget) * (1 + 1e-9))
    for command in (
        ["grow", curves, "--tasks", tasks, "--budget", budget],
        ["next", curves, "--tasks", tasks, "--budget", budget, "--spend", "1e20" if budget == "1e21" else "1e8"],
        ["focus", runs, *options, "--tasks", tasks, "--draws", 12, "--budget", budget],
    ):
        result = run(*command)
        if works_or_says_why(result):
            assert len(pd.read_csv(io.StringIO(result.stdout))), command
    result = run(
        "plan", runs, *options, "--tasks", tasks, "--draws", 12, "--budget", budget, "--out", tmp_path / "plan",
        "--no-backtest",  # which was tried above
    )  # fmt: skip
    assert works_or_says_why(result) == (law in PLANNED), result.stderr


@pytest.fixture
def kaplan_curves(monkeypatch):
    """Two curves of the law that is added, without a fit, as if it said of its shape only that it is convex."""
    monkeypatch.setitem(LAWS, "kaplan", replace(KAPLAN, planning=CONVEX))
    natural = {"prose": (100.0, 0.15, 0.2, 3e9), "code": (60.0, 0.2, 0.18, 5e8)}
    return curves_of("kaplan", ("params", "tokens"), natural, reference=(1e9, 1e10), cost=SIX)


def test_an_added_law_that_is_convex_is_planned_as_well_as_brute_force_does(kaplan_curves):
    curves, budget = kaplan_curves, 1e22
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), budget))
    np.testing.assert_allclose(plan.spend.sum(), budget, rtol=1e-6)
    cost = curves.cost

    def best(task, spend):
        log_n = np.linspace(np.log(1e3), np.log(1e16), 40_001)
        log_d = np.log(spend / cost.kappa[0]) - log_n
        return curves.distance(np.full(len(log_n), task), np.column_stack([log_n, log_d])).min()

    shares = np.linspace(0.02, 0.98, 97)
    brute = min(best(0, share * budget) + best(1, (1 - share) * budget) for share in shares) / 2
    assert plan.objective <= brute * (1 + 1e-7)
    assert plan.bound <= plan.objective and plan.objective - plan.bound < 1e-3 * plan.objective
    np.testing.assert_allclose(plan.predicted, [best(task, plan.spend[task]) for task in range(2)], rtol=1e-6)


def test_a_law_that_is_log_convex_is_a_convex_program_with_the_plan_of_the_search(kaplan_curves, monkeypatch):
    searched = allocate(kaplan_curves, plan_spec(kaplan_curves, default_tasks(kaplan_curves.tasks), 1e22))
    monkeypatch.setitem(LAWS, "kaplan", KAPLAN)
    plan = allocate(kaplan_curves, plan_spec(kaplan_curves, default_tasks(kaplan_curves.tasks), 1e22))
    assert plan.objective <= searched.objective * (1 + 1e-9) and plan.bound >= searched.bound * (1 - 1e-9)
    assert plan.solver_status == "optimal" and plan.objective - plan.bound < 1e-8 * plan.objective
    np.testing.assert_allclose(plan.spend, searched.spend, rtol=0.02)


def test_a_law_of_two_scales_that_may_not_be_convex_is_refused_unless_sizes_are_given(kaplan_curves, monkeypatch):
    monkeypatch.setitem(LAWS, "kaplan", replace(KAPLAN, planning=NOT_KNOWN_CONVEX))
    with pytest.raises(AllocationError, match="does not say that it is convex") as caught:
        plan_spec(kaplan_curves, default_tasks(kaplan_curves.tasks), 1e22)
    assert len(str(caught.value)) <= 300 and "\n" not in str(caught.value)
    asked = plan_spec(kaplan_curves, default_tasks(kaplan_curves.tasks), 1e12, unit="tokens", params=1e9)
    plan = allocate(kaplan_curves, asked)
    np.testing.assert_allclose(plan.spend.sum(), 1e12, rtol=1e-6)
