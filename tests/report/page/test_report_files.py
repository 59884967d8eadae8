import hashlib
import io
import itertools
import json
import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from budget.curves.records.reading import curves_from_record
from budget.report.page.markdown import escape
from budget.report.page.report_files import FOCUS, MODELS, OPTIONAL, report_files
from budget.report.page.story import build_story
from budget.report.page.tables import plan_table, set_size_table
from budget.report.pictures.figures import FIGURES
from budget.report.pictures.svg import short
from budget.report.written_numbers import difference
from budget.tables.files.manifest import PLAN_FILES
from tests.report.conftest import KINDS
from tests.report.pages import Page, markdown_text
from tests.report.studies import LONG, make_study

ALWAYS = {
    "report.html", "report.md", "allocation.csv", "growth.csv", "curves.csv", "check.csv", "curves.json", "plan.json",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_there(studies, reports, kind):
    expected = ALWAYS | ({"allocation_specialists.csv"} if studies[kind].alternative is not None else set())
    expected |= {FOCUS} if studies[kind].focus is not None else set()
    expected |= {MODELS} if studies[kind].recommendation is not None else set()
    drawn = {name for name in reports[kind] if name.startswith("figure-")}
    assert set(reports[kind]) - drawn == expected and drawn <= OPTIONAL


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_is_named_and_those_left_out_with_their_status(studies, reports, kind):
    curves = studies[kind].curves
    page, markdown = Page(reports[kind]["report.html"]).text, markdown_text(reports[kind]["report.md"])
    for text in (page, markdown):
        assert not [name for name in curves.tasks if name not in text]
        for name, code, used in zip(curves.tasks, curves.status, curves.used, strict=True):
            if not used:
                assert name in text[text.index("left out of the plan") :] and code in text
        assert ("No task is left out" in text) == bool(curves.used.all())


@pytest.mark.parametrize("kind", KINDS)
def test_hypothetical_is_said_where_and_only_where_it_is(studies, reports, kind):
    study = studies[kind]
    expected = study.plan.hypothetical or study.alternative is not None
    for name in ("report.html", "report.md"):
        text = Page(reports[kind][name]).text if name.endswith("html") else reports[kind][name]
        assert ("Hypothetical: nobody measured a specialist" in text) == expected
        assert ("hypothetical" in text.lower()) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_loads_nothing(reports, kind):
    page = Page(reports[kind]["report.html"])
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "action", "data", "poster"):
            assert name not in attributes, (tag, attributes)
        target = attributes.get("href") or "#"
        assert target.startswith("#") or (tag == "link" and target == "data:,"), (tag, attributes)
    assert "url(" not in reports[kind]["report.html"].partition("</style>")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_headings_captions_and_alternatives(reports, kind):
    page = Page(reports[kind]["report.html"])
    assert len(page.named("h1")) == 1
    anchors = {attributes["id"] for attributes in page.named("section")}
    assert {attributes["href"][1:] for attributes in page.named("a")} <= anchors
    assert len(page.named("caption")) == len(page.named("table"))
    pictures = page.named("svg")
    assert pictures and all(attributes["role"] == "img" and attributes["aria-label"] for attributes in pictures)
    assert len(page.named("figcaption")) == len(page.named("figure"))


def test_names_cannot_become_markup(reports):
    page = Page(reports["odd names"]["report.html"])
    assert not page.named("b") and not page.named("i")
    data, script = page.scripts
    assert len(page.named("script")) == 2 and "</" not in data and script.strip().startswith("(function")
    assert json.loads(data)["names"][2] == "</script><script>alert(1)</script>"
    assert len(short(LONG + LONG)) == 22 and short(LONG[:22]) == LONG[:22]


def test_markdown_rows_have_the_cells_of_their_header(reports):
    for kind, files in reports.items():
        width = 0
        for line in files["report.md"].splitlines():
            if not line.startswith("|"):
                width = 0
                continue
            cells = line.replace("\\|", "").count("|") - 1
            assert cells == (width or cells), (kind, line)
            width = cells


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a|b", "a\\|b"), ("<b>", "\\<b\\>"), ("a_b", "a_b"), ("_a_", "\\_a\\_"), ("a & b", "a &amp; b"), ("x\ny", "x y")],
)
def test_markdown_escapes_what_it_would_read(text, expected):
    assert escape(text) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_is_valid_xml_within_its_frame(studies, kind):
    """No number is missing, no mark lies far outside, and its text is as escaped as it must be."""
    study = studies[kind]
    names = {
        block.name for section in build_story(study).sections for block in section.blocks if block.kind == "picture"
    }
    assert names <= set(FIGURES)
    for name in names:
        for panel in FIGURES[name](study):
            for drawn in filter(None, (panel.wide, panel.narrow, panel.broad)):
                root = ElementTree.fromstring(drawn)
                assert root.get("aria-label") and "nan" not in drawn and "inf" not in drawn.replace("info", "")
                width, height = float(root.get("width")), float(root.get("height"))
                for mark in root.iter():
                    for key, most in (("cx", width), ("x", width), ("x1", width), ("cy", height), ("y", height)):
                        if mark.get(key):
                            assert -5 <= float(mark.get(key)) <= most + 5, (name, ElementTree.tostring(mark))


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_shows_the_pictures_that_stand_beside_it(reports, kind):
    """Each is an SVG by itself: it names its own namespace, holds its colours, and says its numbers in words."""
    text, files = reports[kind]["report.md"], {name for name in reports[kind] if name.startswith("figure-")}
    shown = re.findall(r"^!\[(.+)\]\((figure-[a-z]+\.svg)\)$", text, re.MULTILINE)
    assert {name for _, name in shown} == files and len(shown) == len(files) and files
    for words, name in shown:
        root = ElementTree.fromstring(reports[kind][name])
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and len(words) > 20
        style = root.find("{http://www.w3.org/2000/svg}style").text
        assert "prefers-color-scheme: dark" in style and "var(--page)" in style and "{%" not in style
        inner = [float(each.get("x")) + float(each.get("width")) for each in root if each.get("aria-label")]
        assert inner and max(inner) <= float(root.get("width"))


def page_of(reports, kind):
    return Page(reports[kind]["report.html"])


@pytest.mark.parametrize("kind", KINDS)
def test_headings_step_down_and_names_are_used_once(reports, kind):
    page = page_of(reports, kind)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    named = {each for _, attributes in page.elements for each in (attributes.get("aria-labelledby") or "").split()}
    assert named <= set(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_every_control_has_a_label_and_every_region_that_scrolls_takes_the_keyboard(reports, kind):
    page = page_of(reports, kind)
    labelled = {attributes.get("for") for attributes in page.named("label")}
    for attributes in page.named("input"):
        assert attributes.get("aria-label") or attributes.get("id") in labelled, attributes
    for tag, attributes in page.elements:
        assert attributes.get("tabindex", "0") == "0" and not (tag == "a" and "href" not in attributes)
        if (attributes.get("class") or "").startswith("scroll"):
            assert attributes["tabindex"] == "0" and attributes["role"] == "group" and attributes["aria-label"]
    assert len(page.named("main")) == 1 and page.named("html")[0]["lang"] == "en"
    roles = {attributes["role"] for _, attributes in page.elements if attributes.get("role")}
    assert roles <= {
        "img",
        "group",
        "table",
        "rowgroup",
        "row",
        "rowheader",
        "columnheader",
        "cell",
        "list",
        "note",
        "status",
    }


@pytest.mark.parametrize("kind", ["specialists", "together", "scores"])
def test_a_panels_words_are_its_own(reports, kind):
    """Two pictures of one page never say the same to a reader who cannot see them."""
    page = page_of(reports, kind)
    said = [attributes["aria-label"] for attributes in page.named("svg")]
    assert all(any(letter.isdigit() for letter in words) for words in said)
    sizes = Counter(said)
    assert max(sizes.values()) <= 3  # one picture, drawn for a desk's, a tablet's and a phone's screen


def contrast(one, two):
    """WCAG 2.2, contrast of two colours ``#rrggbb``."""

    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_stand_out_from_their_ground_by_day_and_by_night(reports):
    source = reports["together"]["report.html"]
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", part)) for part in source.split("@media", 2)[:2])
    for colours in (light, light | dark):
        full = {name: each if len(each) == 7 else "#" + "".join(2 * letter for letter in each[1:])
                for name, each in colours.items()}  # fmt: skip
        for name in ("ink", "muted", "blue", "good", "warn", "bad"):
            assert contrast(full[name], full["page"]) >= 4.5, name
        assert contrast(full["warn"], full["warn-ground"]) >= 4.5 and contrast(full["ink"], full["warn-ground"]) >= 4.5
        for hue in ("alone", "experts", "plain", "groups", "trunk"):
            assert contrast(full[f"on-{hue}"], full[hue]) >= 4.5, hue


def test_a_page_of_many_tasks_grows_with_them_and_not_with_their_square():
    few, many = (
        len(report_files(make_study(tuple(f"task {at}" for at in range(count)), draws=4))["report.html"])
        for count in (60, 120)
    )
    assert many < 2 * few and (many - few) / 60 * 500 < 3_000_000  # by as much a task as 500 of them have room for


def test_the_page_is_small(reports):
    assert max(len(files["report.html"]) for files in reports.values()) < 200_000


@pytest.mark.parametrize("kind", KINDS)
def test_json_is_strict_and_comes_back(studies, reports, kind):
    def refuse(constant):
        raise AssertionError(constant)

    record = json.loads(reports[kind]["plan.json"], parse_constant=refuse)
    written = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in reports[kind].items()}
    stated = record.pop("files")
    assert {name: digest for name, digest in stated.items() if digest} | {"plan.json": written["plan.json"]} == written
    assert {name for name, digest in stated.items() if not digest} == OPTIONAL - set(written)
    assert set(written) <= set(PLAN_FILES) and list(reports[kind])[-1] == "plan.json"
    assert record == json.loads(json.dumps(studies[kind].record()))
    assert record["inputs"] == {"runs": {"name": "runs.csv", "sha256": "ab" * 32}}
    again = curves_from_record(json.loads(reports[kind]["curves.json"], parse_constant=refuse), "curves.json")
    assert again.tasks == studies[kind].curves.tasks


@pytest.mark.parametrize("kind", KINDS)
def test_tables_hold_the_plan(studies, reports, kind):
    plan = studies[kind].plan
    table = pd.read_csv(io.StringIO(reports[kind]["allocation.csv"]))
    # tasks without a curve stand last, with what they keep
    kept = plan.spec.reserved
    assert tuple(table["task"]) == (*plan.spec.tasks.names, *(name for name, _, _ in kept))
    assert table["spend"].to_numpy() == pytest.approx([*plan.spend, *(spend for _, spend, _ in kept)], rel=1e-15)
    growth = pd.read_csv(io.StringIO(reports[kind]["growth.csv"]))
    assert growth["n_tasks"].tolist() == list(range(1, len(plan.spend) + 1))
    assert growth["joins"].tolist() == list(studies[kind].growth.names)


def test_targets_are_counted_and_marked(studies, reports):
    text = Page(reports["specialists"]["report.html"]).text
    assert "Targets met" in text and "target 0.3000" in text
    assert text.count("◐ too close to call") >= 3  # also of the task whose prediction is below its target
    assert "Targets met" not in Page(reports["shared"]["report.html"]).text


def test_every_table_judges_targets_by_the_interval(studies):
    study = studies["specialists"]
    tasks = replace(study.plan.spec.tasks, target=np.array([0.31, 0.3, 0.29]))
    plan = replace(study.plan, spec=replace(study.plan.spec, tasks=tasks))
    table = plan_table(plan, "")
    (at,) = [at for at, column in enumerate(table.columns) if column.label == "Target"]
    missed = f"○ missed by {difference(plan.predicted[2] - 0.29)}"
    assert [row[at].text for row in table.rows] == ["● reached", "◐ too close to call", missed]
    growth = replace(study.growth, plans=(*study.growth.plans[:-1], plan))
    assert set_size_table(study, growth).rows[-1][-1].text == "1 of 3"


def test_the_reproduction_section_has_seed_hash_and_versions(reports):
    text = Page(reports["shared"]["report.html"]).text
    assert "Seed of the draws" in text and "ab" * 32 in text and "cvxpy" in text
