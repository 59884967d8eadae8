"""Figures in Markdown: every marker has one script that writes it, every block a marker, and writing is exact."""

import ast
import re
import sys

import pytest

from tests import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import figures

SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


def written() -> dict[str, list[str]]:
    """The blocks that each script puts, by its name."""
    found = {}
    for path in SCRIPTS:
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        puts = [call for call in calls if ast.unparse(call.func) == "figures.put"]
        assert all(isinstance(call.args[0], ast.Constant) for call in puts), f"{path.name}: a block's name is a literal"
        found[path.stem] = [call.args[0].value for call in puts]
    return found


def markers() -> list[tuple[str, str]]:
    return [
        (name, path.relative_to(ROOT).as_posix())
        for path in figures.markdown()
        for name in re.findall(r"^<!-- figures:(.*?) -->$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]


def test_every_marker_has_a_script_and_every_block_a_marker():
    blocks = [name for names in written().values() for name in names]
    assert len(blocks) == len(set(blocks)), "two scripts write one block"
    assert set(blocks) == {name for name, _ in markers()}


def test_a_block_is_named_after_its_script_and_listed_in_the_readme():
    rows = dict(
        re.findall(r"^\| `(\w+)\.py` \| .* \| (.*) \|$", (ROOT / "benchmarks/README.md").read_text("utf-8"), re.M)
    )
    for script, names in written().items():
        assert all(name == script or name.startswith(f"{script}_") for name in names), script
        assert sorted(re.findall(r"`(\w+)`", rows.get(script, ""))) == sorted(names), script


def test_markers_are_closed_and_not_nested():
    for path in figures.markdown():
        text = path.read_text(encoding="utf-8")
        begins = len(re.findall(r"^<!-- figures:", text, flags=re.MULTILINE))
        ends = len(re.findall(r"^<!-- /figures -->", text, flags=re.MULTILINE))
        assert begins == ends == len(figures.BLOCK.findall(text)), path
        assert all("<!--" not in body for body in figures.blocks(text).values()), path


def test_every_markdown_file_of_the_project_is_looked_at():
    inside = {path for path in figures.markdown()}
    for path in ROOT.rglob("*.md"):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") or part in ("plan", "node_modules", "build") for part in parts):
            assert path in inside or "<!-- figures:" not in path.read_text(encoding="utf-8"), path


PAGE = (
    "before\n<!-- figures:one -->\n{one}\n<!-- /figures -->\n\n<!-- figures:two -->\nold 2\n<!-- /figures -->\nafter\n"
)


@pytest.fixture
def page(tmp_path, monkeypatch):
    path = tmp_path / "README.md"
    path.write_text(PAGE.format(one="old 1"), encoding="utf-8")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "markdown", lambda: [path])
    return path


def test_writing_replaces_its_own_block_and_nothing_else(page, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["one.py", "--write", "5"])
    assert figures.arguments() == ["5"]
    figures.put("one", "\nnew \\1 figures\n\n")  # backslashes are text
    expected = PAGE.format(one="new \\1 figures")
    assert page.read_text() == expected
    figures.put("one", "new \\1 figures")
    assert page.read_text() == expected, "writing again changes nothing"
    assert "one written to README.md" in capsys.readouterr().err


def test_without_write_it_is_printed(page, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["one.py"])
    before = page.read_text()
    figures.put("one", "new")
    assert page.read_text() == before
    assert capsys.readouterr().out == "\nnew\n"


def test_a_block_without_a_marker_is_an_error(page, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["three.py", "--write"])
    with pytest.raises(SystemExit, match="figures:three"):
        figures.put("three", "new")


def test_tables_bullets_and_spans():
    assert figures.table(("a", "b"), [(1, "x"), (2, "")]) == "| a | b |\n| --- | --- |\n| 1 | x |\n| 2 |  |"
    assert figures.bullets(["a", "b"]) == "- a\n- b"
    assert figures.span([3.0, 1.0, 2.0], ".0f") == "1 to 3"
    assert figures.span(iter([1.04, 1.0]), ".1f") == "1.0"
