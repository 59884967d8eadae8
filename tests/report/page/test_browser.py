"""The page as a reader sees it: drawn, without errors, and no wider than the screen."""

import base64
import io
import re

import pandas as pd
import pytest

from budget.report.page.report_files import report_files
from tests.report.studies import LONG, make_study


@pytest.fixture(scope="module")
def pages(reports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    chosen = {name: reports[name]["report.html"] for name in ("specialists", "shared", "together", "odd names")}
    many = make_study((LONG * 2, *(f"{LONG}_{position}" for position in range(14))), draws=2)
    for name, text in (chosen | {"many": report_files(many)["report.html"]}).items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["specialists", "shared", "together", "odd names", "many"])
def test_the_page_is_drawn_without_errors_and_fits(browser, pages, name, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get((pages / f"{name}.html").as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = browser.execute_script(
        "return Array.from(document.querySelectorAll('svg.picture')).map(picture => {"
        " const box = picture.getBoundingClientRect();"
        " return [box.width, box.height, picture.width.baseVal.value, picture.parentElement.clientWidth]; })"
    )
    shown = [each for each in drawn if each[0] > 0]  # of each picture one size is shown, the others are not laid out
    assert shown
    for drawn_width, height, own, room in shown:
        assert drawn_width == pytest.approx(own, abs=1) and drawn_width <= room + 1 and height > 60


def test_a_dark_screen_gets_a_dark_page_with_readable_words(browser, pages):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    try:
        browser.get((pages / "together.html").as_uri())
        page, word = browser.execute_script(
            "const mark = document.querySelector('svg.picture text');"
            "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(mark).fill]"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert sum(_channels(page)) < 120 and sum(_channels(word)) > 400


def opened(browser, pages, name):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get((pages / f"{name}.html").as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")


def test_every_fold_says_its_answer_and_a_link_opens_it(browser, pages):
    browser.get((pages / "together.html").as_uri() + "#method")
    folds = browser.execute_script(
        "return [...document.querySelectorAll('.fold')].map(fold => [fold.id, fold.querySelector('details').open,"
        " fold.querySelector('.finding').textContent.trim()])"
    )
    assert [name for name, is_open, _ in folds if is_open] == ["method"]
    assert all(words.endswith(".") for _, _, words in folds)
    for name in ("specialists", "shared", "together"):
        browser.get((pages / f"{name}.html").as_uri())
        words, pictures = browser.execute_script(
            "const pictures = [...document.querySelectorAll('#decision svg')].filter("
            "  each => each.getClientRects().length);"
            "pictures.forEach(each => { each.style.display = 'none'; });"
            "return [document.getElementById('decision').innerText.match(/\\S*\\p{L}\\S*/gu).length, pictures.length]"
        )
        assert 60 < words <= 300 and 1 <= pictures <= 6, name


@pytest.mark.parametrize("key", ["\ue007", " "])
def test_a_table_is_sorted_by_the_keyboard_and_says_so(browser, pages, key):
    opened(browser, pages, "many")
    head = browser.execute_script(
        "return [...document.querySelectorAll('#models th')].find(each => each.textContent.startsWith('Spend'))"
    )
    read = (
        "const head = arguments[0], table = head.closest('table');"
        "return [head.getAttribute('aria-sort'), table.querySelectorAll('[aria-sort]').length,"
        " [...table.tBodies[0].rows].map("
        "  row => row.cells[head.cellIndex].querySelector('span').firstChild.textContent)]"
    )
    before = browser.execute_script(read, head)
    assert before[:2] == [None, 0]
    browser.execute_script("arguments[0].querySelector('button').focus({preventScroll: true})", head)
    for expected in ("descending", "ascending", "descending"):
        browser.switch_to.active_element.send_keys(key)
        said, count, cells = browser.execute_script(read, head)
        spends = [float(cell.replace(",", "")) for cell in cells]
        assert (said, count) == (expected, 1) and spends == sorted(spends, reverse=expected == "descending")
    assert sorted(cells) == sorted(before[2])


def test_a_table_is_saved_as_csv_as_it_stands(browser, pages):
    opened(browser, pages, "odd names")
    text = browser.execute_async_script(
        "const done = arguments[0], kept = URL.createObjectURL;"
        "HTMLAnchorElement.prototype.click = function () {};"
        "URL.createObjectURL = blob => { blob.text().then(done); return kept(blob); };"
        "[...document.querySelectorAll('#models button.csv')].pop().previousElementSibling;"
        "document.querySelector('#models button.csv').click()"
    )
    frame = pd.read_csv(io.StringIO(text))
    assert list(frame["Task"][:-1]) == ["<b>x</b>", "a|b", "</script><script>alert(1)</script>", LONG]
    assert frame["Task"].iloc[-1] == "Total" and frame["Share"].str.endswith("%").all()


def test_a_printed_page_is_light_and_whole(browser, pages):
    browser.get((pages / "together.html").as_uri())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        state = browser.execute_script(
            "window.dispatchEvent(new Event('beforeprint'));"
            "return [getComputedStyle(document.body).backgroundColor,"
            " [...document.querySelectorAll('.fold details')].every(part => part.open),"
            " [...document.querySelectorAll('.slide, .csv')].every(part => part.getClientRects().length === 0)]"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert sum(_channels(state[0])) > 700 and state[1:] == [True, True]


@pytest.mark.parametrize("name", ["specialists", "shared", "together"])
def test_the_decision_is_one_side_of_a4_and_the_details_begin_on_another(browser, pages, name):
    browser.get((pages / f"{name}.html").as_uri())
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    sides = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert {(round(float(wide)), round(float(high))) for wide, high in sides} == {(595, 842)}
    # pages are not told apart in a PDF's bytes: on a screen as wide as a side's text the first section must be as high
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 726, "height": 1040, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        high, apart = browser.execute_script(
            "return [document.getElementById('decision').getBoundingClientRect().height,"
            " getComputedStyle(document.getElementById('details')).breakBefore]"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert high <= 1040 and apart == "page"


def _channels(colour: str) -> list[float]:
    return [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]


def test_a_long_table_shows_a_page_of_its_rows_and_finds_others(browser, tmp_path):
    study = make_study(tuple(f"task {position:03d}" for position in range(120)), draws=0)
    path = tmp_path / "long.html"
    path.write_text(report_files(study)["report.html"], encoding="utf-8")
    browser.get(path.as_uri())
    # until a section is opened or printed the page holds the first rows of its tables only
    counted = (
        "return [...document.querySelectorAll('#models table, .asks')].map(table => [...table.tBodies[0].rows])"
        ".filter(rows => rows.length > 49)"
        ".map(rows => [rows.length, new Set(rows.map(row => row.cells[0].textContent)).size])"
    )
    assert browser.execute_script(counted) == [[50, 50], [50, 50]]
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script(counted) == [[120, 120], [120, 120]]
    browser.get(path.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    read = (
        "const bar = [...document.querySelectorAll('.pages')].find(each => each.nextElementSibling.closest('#models'));"
        "const table = bar.nextElementSibling.querySelector('table');"
        "return [[...table.tBodies[0].rows].filter(row => row.getClientRects().length)"
        "   .map(row => row.cells[0].textContent.trim()), bar.querySelector('output').textContent, table.rows.length]"
    )
    bar = browser.execute_script(
        "return [...document.querySelectorAll('.pages')].find(each => each.nextElementSibling.closest('#models'))"
    )
    names, told, rows = browser.execute_script(read)
    assert len(names) == 50 and told == "1 to 50 of 120" and rows >= 121
    later = bar.find_elements("css selector", "button")[1]
    for expected in ("51 to 100 of 120", "101 to 120 of 120"):
        browser.execute_script("arguments[0].click()", later)
        assert browser.execute_script(read)[1] == expected
    assert not later.is_enabled()
    box = bar.find_element("css selector", "input")
    browser.execute_script("arguments[0].focus({preventScroll: true})", box)
    browser.switch_to.active_element.send_keys("task 07")
    names, told, _ = browser.execute_script(read)
    assert sorted(names) == [f"task 07{digit}" for digit in range(10)] and told == "1 to 10 of 10"
    form = browser.execute_script(
        "return [...document.querySelectorAll('.asks tbody tr')].filter(row => row.getClientRects().length).length"
    )
    assert form == 50
