"""What is asked in the page, of budgets, weights and fewer tasks, is answered as the solver answers it."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.report.page.report_files import report_files
from budget.studies.strategies.partition import blocks_of, partitions
from budget.studies.strategies.strategy_plans import StrategyPlanner
from tests.report.studies import make_study, with_a_shared_model

CLOSE = 1e-4
"""Relative distance up to which a share of the page is that of the solver."""


@pytest.fixture(scope="module")
def folder(reports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    for name in ("specialists", "together", "shared", "limited", "scores", "odd names"):
        (folder / f"{name}.html").write_text(reports[name]["report.html"], encoding="utf-8")
    return folder


@pytest.fixture
def asked(browser, folder):
    def ask(name, *, budget=None, off=(), weight=None):
        """The shares of the page's tasks by their positions, for another budget, weights and switches."""
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.get((folder / f"{name}.html").as_uri())
        browser.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        if budget is not None:
            browser.execute_script(
                "const slider = document.getElementById('budget-slider'); slider.value = arguments[0];"
                "slider.dispatchEvent(new Event('input', {bubbles: true}))",
                budget,
            )
        for task in off:
            box = browser.find_element("css selector", f"[data-task='{task}'] [name=serve]")
            browser.execute_script("arguments[0].focus({preventScroll: true}); arguments[0].click()", box)
        for task, number in (weight or {}).items():
            box = browser.find_element("css selector", f"[data-task='{task}'] [name=weight]")
            browser.execute_script("arguments[0].focus({preventScroll: true}); arguments[0].select()", box)
            browser.switch_to.active_element.send_keys(str(number))
        return browser.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done("
            " Object.fromEntries(Array.from(document.querySelectorAll('#ask [data-task]')).map("
            "  row => [row.dataset.task, [Number(row.cells[4].dataset.value), Number(row.cells[5].dataset.value)]])))))"
        )

    return ask


def compared(found, shares, predicted):
    np.testing.assert_allclose([found[str(task)][0] for task in range(len(shares))], shares, rtol=CLOSE)
    np.testing.assert_allclose([found[str(task)][1] for task in range(len(shares))], predicted, rtol=CLOSE)


@pytest.mark.parametrize("name", ["specialists", "limited", "scores"])
@pytest.mark.parametrize("position", [-0.5, 0.75])
def test_another_budget_is_split_as_the_solver_splits_it(studies, asked, name, position):
    spec = studies[name].plan.spec
    budget = spec.whole_budget * 5**position
    kept = sum(spend for _, spend, _ in spec.reserved) / spec.whole_budget
    best = allocate(studies[name].planned, replace(spec, budget=budget * (1 - kept)), draws=False, route="dual")
    compared(asked(name, budget=position), best.spend / budget, best.predicted)


def test_a_shared_model_takes_its_part_of_another_budget(studies, asked):
    study, position = studies["together"], 0.5
    found, spec = study.recommendation, study.plan.spec
    budget = spec.budget * 5**position
    strategies = with_a_shared_model(study.curves, ("prose", "code"))
    planner = StrategyPlanner(strategies.specialists, spec.tasks, spec.measure, spec.unit, None, spec.reach)
    blocks = blocks_of(strategies, spec.tasks.names)
    ((plan, partition),) = partitions(planner, blocks, np.array([budget]))
    assert set(partition.blocks) == {(each.strategy, each.tasks) for each in found.models}
    compared(asked("together", budget=position), plan.spend / budget, plan.predicted)


def test_other_weights_and_fewer_tasks_are_split_as_the_solver_splits_them(studies, asked):
    study = studies["limited"]
    spec = study.plan.spec
    found = asked("limited", off=(1,), weight={2: 2.5})
    rest = np.array([0, 2])
    tasks = replace(spec.tasks.select([spec.tasks.names[task] for task in rest]), weight=np.array([1.0, 2.5]))
    measure = replace(spec.measure, scale=spec.measure.scale[rest], shift=spec.measure.shift[rest])
    best = allocate(study.planned.take(rest), replace(spec, tasks=tasks, measure=measure), draws=False, route="dual")
    shares = [found[str(task)][0] for task in rest]
    np.testing.assert_allclose(shares, best.spend / spec.budget, rtol=CLOSE)
    assert found["1"] == [0, 0]


def test_one_model_takes_the_whole_of_another_budget(studies, asked, browser):
    assert asked("shared", budget=0.5) == {}  # one model has no split, and so no form
    outcome = browser.find_element("id", "outcome").text
    spec = studies["shared"].plan.spec
    best = allocate(studies["shared"].planned, replace(spec, budget=spec.budget * 5**0.5), draws=False, route="dual")
    assert f"mean {best.objective:.4f}" in outcome


def test_pictures_tiles_and_the_command_follow_and_come_back(asked, browser):
    asked("specialists")
    state = (
        "return [...document.querySelectorAll('.pictures svg')].map(each => each.outerHTML)"
        ".concat([...document.querySelectorAll('[data-tile]')].map(each => each.textContent))"
    )
    before = browser.execute_script(state)
    assert not browser.find_element("id", "asked").is_displayed()
    asked("specialists", budget=1, off=(0,))
    after = browser.execute_script(state)
    assert browser.find_element("id", "asked").is_displayed()
    tasks = browser.execute_script("return JSON.parse(document.getElementById('tables').textContent).names")
    command = browser.find_element("id", "command").text
    assert command.startswith("budget plan plan.toml --budget ") and f"--where 'task!={tasks[0]}'" in command
    assert sum(one != two for one, two in zip(before, after, strict=True)) >= 6
    # variants for another width wait until they come into sight, or are printed
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    printed = browser.execute_script(state)
    assert sum(one != two for one, two in zip(before, printed, strict=True)) >= 8
    hidden = "return [...document.querySelectorAll('[data-of-plan]')].map(each => getComputedStyle(each).visibility)"
    assert set(browser.execute_script(hidden)) == {"hidden"}  # sizes are the plan's
    marks = (
        "return [...document.querySelectorAll('[data-as-planned]')].filter(each => each.getClientRects().length)"
        ".map(each => each.closest('figure, dd, li, p').className + each.textContent)"
    )
    marked = browser.execute_script(marks)
    assert all("as planned at " in each for each in marked) and len(marked) >= 6
    for kind in ("figure-gain", "lede", "eyebrow"):
        assert any(each.startswith(kind) for each in marked), kind
    for kind in ("figure-flow", "figure-moves", "figure-response"):
        assert not any(each.startswith(kind) for each in marked), kind
    assert browser.find_element("class name", "notes").is_displayed()
    spends = "return [...document.querySelectorAll('svg[data-flow] [data-spend]')].map(each => each.textContent)"
    told = [float(each.removeprefix(" · ")) for each in browser.execute_script(spends)]
    tables = browser.execute_script("return JSON.parse(document.getElementById('tables').textContent)")
    given = (5 * tables["budget"] - tables["kept"]) * (1 - tables["keptShare"])
    assert sum(told) == pytest.approx(given, rel=0.01)  # three digits of each
    assert "not served" in browser.execute_script("return document.querySelector('svg[data-flow]').textContent")
    browser.execute_script("document.getElementById('back').click()")
    again = browser.execute_async_script("requestAnimationFrame(() => arguments[0]())") or browser.execute_script(state)
    assert not browser.find_element("id", "asked").is_displayed()
    words = "return [...document.querySelectorAll('.pictures svg')].map(each => each.textContent)"
    assert set(browser.execute_script(hidden)) == {"visible"} and not browser.execute_script(marks)
    assert [each for each in again if "Targets" in each] == [each for each in before if "Targets" in each]
    back = browser.execute_script(words)
    asked("specialists")
    assert back == browser.execute_script(words)


def test_the_slider_answers_the_keyboard_and_says_its_budget(asked, browser):
    asked("specialists")
    slider = browser.find_element("id", "budget-slider")
    slider.send_keys("\ue014\ue014")  # right arrow, twice
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))")
    assert "FLOPs" in slider.get_attribute("aria-valuetext")
    assert browser.find_element("id", "outcome").text.startswith(slider.get_attribute("aria-valuetext"))


def test_a_move_of_the_slider_takes_less_than_a_frame_of_patience(browser, tmp_path):
    study = make_study(tuple(f"task {position}" for position in range(50)), draws=4)
    path = tmp_path / "many.html"
    path.write_text(report_files(study)["report.html"], encoding="utf-8")
    browser.get(path.as_uri())
    times = browser.execute_async_script(
        "const done = arguments[0], slider = document.getElementById('budget-slider'), times = [];"
        "let step = 0;"
        "function move() {"
        "  slider.value = Math.sin(++step); const start = performance.now();"
        "  slider.dispatchEvent(new Event('input', {bubbles: true}));"
        "  requestAnimationFrame(() => { document.body.getBoundingClientRect();"
        "    times.push(performance.now() - start); step < 12 ? setTimeout(move) : done(times); });"
        "} move();"
    )
    assert np.median(times) < 50, times  # from the move to the laid-out page


def test_names_are_data_in_the_form_too(asked, browser):
    asked("odd names", off=(0,))
    assert "task!=<b>x</b>" in browser.find_element("id", "command").text
    assert not browser.find_elements("css selector", "#ask b")
