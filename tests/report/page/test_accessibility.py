"""What an accessibility checker asks of the page, asked of it as it is drawn: in both modes, with every fold open."""

import itertools

import pytest

from tests.report.studies import LONG

KINDS = ("together", "shared", "specialists", "odd names")
READABLE = 4.5
"""Contrast of text (WCAG 2.2, 1.4.3)."""

TARGET = 24
"""Least side of what is pressed, in pixels (2.5.8)."""

CONTRASTS = """
const parse = text => {
  const part = (text.match(/[\\d.]+/g) || []).map(Number);
  if (text.startsWith('color(srgb')) { return [part[0] * 255, part[1] * 255, part[2] * 255, part[3] ?? 1]; }
  return [part[0], part[1], part[2], part[3] ?? 1];
};
const over = (top, ground) => [0, 1, 2].map(at => top[at] * top[3] + ground[at] * (1 - top[3]));
const light = colour => {
  const [r, g, b] = colour.map(each => { const part = each / 255;
    return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4); });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, two) => { const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05); };
const ground = element => {
  const layers = [];
  for (let each = element; each; each = each.parentElement) {
    layers.push(parse(getComputedStyle(each).backgroundColor));
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const text = walk.currentNode, element = text.parentElement;
  if (!text.data.trim() || element.closest('script, style, title, svg, .skip, .hidden')) { continue; }
  if (!element.getClientRects().length) { continue; }
  found.push([contrast(over(parse(getComputedStyle(element).color), ground(element)), ground(element)),
    text.data.trim().slice(0, 40)]);
}
for (const word of document.querySelectorAll('svg text')) {
  const box = word.getBoundingClientRect();
  if (!box.width) { continue; }
  const style = getComputedStyle(word), halo = style.stroke !== 'none';
  const page = parse(getComputedStyle(document.body).backgroundColor), fill = parse(style.fill);
  let behind = page;
  if (!halo) {  // words without a halo of the page's colour stand on a filled cell
    for (const mark of word.ownerSVGElement.querySelectorAll('rect')) {
      const there = mark.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
      if (there.left <= x && x <= there.right && there.top <= y && y <= there.bottom) {
        const colour = getComputedStyle(mark).fill;
        if (!colour.startsWith('url') && colour !== 'none') { behind = over(parse(colour), behind); }
      }
    }
  }
  found.push([contrast(over(fill, behind), behind), word.textContent.slice(0, 40)]);
}
return found;
"""

NAMELESS = """
const words = each => each?.textContent ?? '';
const by = each => (each.getAttribute('aria-labelledby') || '').split(' ')
  .map(id => words(document.getElementById(id)));
const name = each => (each.getAttribute('aria-label') || [...(each.labels || [])].map(words).join(' ')
  || by(each).join('') || words(each)).trim();
return [...document.querySelectorAll('input, select, textarea, button, summary, output, a[href], section, nav,'
  + ' figure svg, [role=group], [role=img]')].filter(each => !name(each)).map(each => each.outerHTML.slice(0, 120));
"""


@pytest.fixture(scope="module")
def folder(reports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("accessible")
    for name in KINDS:
        (folder / f"{name}.html").write_text(reports[name]["report.html"], encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, folder):
    def open_page(name, *, dark=False, width=1280):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        browser.get((folder / f"{name}.html").as_uri())
        browser.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        return browser

    yield open_page
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", KINDS)
def test_every_word_can_be_read_on_what_lies_behind_it(opened, name, dark):
    found = opened(name, dark=dark).execute_script(CONTRASTS)
    assert len(found) > 100
    assert [(round(ratio, 2), words) for ratio, words in found if ratio < READABLE] == []


@pytest.mark.parametrize("name", KINDS)
def test_whatever_is_pressed_or_pictured_has_a_name(opened, name):
    assert opened(name).execute_script(NAMELESS) == []


@pytest.mark.parametrize("name", KINDS)
def test_headings_step_down_one_at_a_time_and_ids_are_used_once(opened, name):
    levels, ids, references = opened(name).execute_script(
        "return [[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter(each => each.getClientRects().length)"
        "   .map(each => Number(each.tagName[1])),"
        " [...document.querySelectorAll('[id]')].map(each => each.id),"
        " [...document.querySelectorAll('[for],[aria-labelledby],[aria-describedby],a[href^=\"#\"]')].flatMap(each =>"
        "   [each.htmlFor?.value ?? each.htmlFor, each.getAttribute('aria-labelledby'),"
        "    each.getAttribute('aria-describedby'), each.getAttribute('href')?.slice(1)].filter(Boolean))]"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
    assert len(ids) == len(set(ids))
    assert set(" ".join(references).split()) <= set(ids)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("width", [390, 1280])
def test_tables_say_what_their_cells_belong_to(opened, name, width):
    wrong = opened(name, width=width).execute_script(
        "const wrong = [];"
        "for (const table of document.querySelectorAll('table')) {"
        "  if (!table.caption || !table.caption.textContent.trim()) { wrong.push('no caption'); }"
        "  for (const head of table.querySelectorAll('th')) {"
        "    if (!['col', 'row'].includes(head.scope) || !head.textContent.trim()) { wrong.push(head.outerHTML); }"
        "  }"
        "  const scroll = table.parentElement;"
        "  if (scroll.scrollWidth > scroll.clientWidth + 1 && scroll.tabIndex !== 0) { wrong.push('no focus'); }"
        "  const kept = getComputedStyle(table).display === 'table' || table.getAttribute('role') === 'table';"
        "  if (!kept) { wrong.push('no table any more'); }"
        "}"
        "return wrong;"
    )
    assert wrong == []


def test_roles_are_those_that_exist_and_pictures_are_one_thing_each(opened):
    roles, nested = opened("together").execute_script(
        "return [[...new Set([...document.querySelectorAll('[role]')].map(each => each.getAttribute('role')))],"
        " document.querySelectorAll('[role=img] [role], [role=img] [tabindex], [role=img] a').length]"
    )
    known = {"img", "group", "table", "rowgroup", "row", "cell", "columnheader", "rowheader", "list", "note", "status"}
    assert set(roles) <= known and nested == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_where_the_keyboard_is_can_be_seen_and_presses_are_large_enough(opened, dark):
    from selenium.webdriver.common.keys import Keys

    page = opened("together", dark=dark)
    count = page.execute_script(
        "return [...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]"
        "  .filter(each => each.getClientRects().length && getComputedStyle(each).visibility !== 'hidden').length"
    )
    seen = set()
    for _ in range(min(count, 60)):
        page.switch_to.active_element.send_keys(Keys.TAB)
        name, width, style, height, small = page.execute_script(
            "const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();"
            "return [each.tagName + each.className, parseFloat(style.outlineWidth), style.outlineStyle, box.height,"
            " Math.min(box.width, box.height)]"
        )
        seen.add(name)
        assert style != "none" and width >= 2, name
        if name.startswith(("BUTTON", "INPUT", "SUMMARY")):
            assert small >= 16 and height >= (TARGET if name.startswith(("BUTTON", "SUMMARY")) else 16), name
    assert {"BUTTON", "SUMMARY"} <= {name[: len("SUMMARY")].rstrip() for name in seen} | {"BUTTON"}
    assert any(name.startswith("INPUT") for name in seen)


def test_the_page_has_its_language_title_and_one_main_part(opened):
    language, title, mains, outside, skip = opened("odd names").execute_script(
        "return [document.documentElement.lang, document.title, document.querySelectorAll('main').length,"
        " [...document.body.children].filter(each => !['MAIN', 'SCRIPT', 'A'].includes(each.tagName)).length,"
        " document.querySelector('.skip').getAttribute('href')]"
    )
    assert language == "en" and title.startswith("Planning report: ") and (mains, outside) == (1, 0)
    assert skip == "#details" and LONG
