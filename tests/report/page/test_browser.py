"""The page as a reader sees it: drawn, without errors, and no wider than the screen."""

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


def _channels(colour: str) -> list[float]:
    return [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
