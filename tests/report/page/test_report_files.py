import hashlib
import io
import json
from xml.etree import ElementTree

import pandas as pd
import pytest

from budget.curves.records.reading import curves_from_record
from budget.report.page.figures import FIGURES
from budget.report.page.markdown import escape
from budget.report.page.report_files import FOCUS, MODELS, OPTIONAL
from budget.report.page.story import build_story
from budget.report.page.svg import short
from budget.tables.files.manifest import PLAN_FILES
from tests.report.conftest import KINDS
from tests.report.pages import Page, markdown_text
from tests.report.studies import LONG

ALWAYS = {
    "report.html", "report.md", "allocation.csv", "growth.csv", "curves.csv", "check.csv", "curves.json", "plan.json",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_there(studies, reports, kind):
    expected = ALWAYS | ({"allocation_specialists.csv"} if studies[kind].alternative is not None else set())
    expected |= {FOCUS} if studies[kind].focus is not None else set()
    expected |= {MODELS} if studies[kind].recommendation is not None else set()
    assert set(reports[kind]) == expected


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
    assert len(growth) == len(plan.spend) * (len(plan.spend) + 1) // 2


def test_targets_are_counted_and_marked(studies, reports):
    text = Page(reports["specialists"]["report.html"]).text
    assert "Tasks at their target" in text and "target 0.3000" in text
    assert "reached" in text and "missed by" in text
    assert "Tasks at their target" not in Page(reports["shared"]["report.html"]).text


def test_the_reproduction_section_has_seed_hash_and_versions(reports):
    text = Page(reports["shared"]["report.html"]).text
    assert "Seed of the draws" in text and "ab" * 32 in text and "cvxpy" in text
