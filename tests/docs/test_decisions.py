"""Every decision has its head, names code that exists, fits on a screen, and stands in the index."""

import re

import pytest

from tests import ROOT

FOLDER = ROOT / "docs" / "decisions"
FILES = sorted(FOLDER.glob("[0-9]*.md"))
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
HEAD = re.compile(
    r"# (?P<number>\d{3})\. (?P<title>.+)\n\n"
    r"- Date: (?P<date>20\d\d-\d\d-\d\d)\n"
    r"- Status: (accepted|superseded by (?P<by>\d{3}))\n"
    r"- Code: (?P<code>(?:.+\n)+?)\n"
)
BLOCK = re.compile(r"<!-- figures:\w+ -->.*?<!-- /figures -->", flags=re.DOTALL)
MOST_LINES = 50
"""A screen, without the figures."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_decision_has_its_head_and_fits_on_a_screen(path):
    text = path.read_text(encoding="utf-8")
    head = HEAD.match(text)
    assert head, "head: number and title, Date, Status, Code"
    assert path.stem.startswith(head["number"] + "-")
    if head["by"]:
        assert list(FOLDER.glob(f"{head['by']}-*.md")), f"superseded by {head['by']}, which is not there"
    for section in ("Context", "Decision", "What lost"):
        assert f"\n## {section}\n" in text
    assert len(BLOCK.sub("", text).splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", [*FILES, FOLDER / "README.md"], ids=lambda path: path.stem)
def test_what_a_decision_links_to_exists(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (FOLDER / target).resolve().exists(), f"{target}: moved? Say so in {path.name}"


def test_numbers_are_used_once_and_the_index_has_every_decision_under_its_title():
    numbers = [path.name[:3] for path in FILES]
    assert numbers == [f"{number:03d}" for number in range(1, len(FILES) + 1)]
    for path in FILES:
        number, title = re.match(r"# (\d{3}\. .+)\n", path.read_text(encoding="utf-8"))[1].split(". ", 1)
        assert INDEX.count(f"- [{number}. {title}]({path.name})\n") == 1, path.name


def test_the_code_links_to_decisions_that_exist():
    for path in (*(ROOT / "budget").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")):
        for target in re.findall(r"docs/decisions/[\w-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / target).is_file(), f"{path.relative_to(ROOT)} names {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_code_names_the_decision_that_explains_it(path):
    head = HEAD.match(path.read_text(encoding="utf-8"))
    modules = re.findall(r"\[`(budget/[^`]+\.py)`\]", head["code"])
    if modules and not head["by"]:
        named = [module for module in modules if path.name in (ROOT / module).read_text(encoding="utf-8")]
        assert named, f"say 'See docs/decisions/{path.name}.' in the docstring of {modules[0]}"
