"""The pages run as they stand, say what comes out, lead where they say, and become a site."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests import ROOT
from tests.commands.invoking import run

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "decisions" not in path.parts)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
NUMBER = re.compile(r"[−-]?\d[\d.,]*(?:e[+−-]?\d+)?")


def blocks(path, language):
    return [text for found, text in BLOCK.findall(path.read_text(encoding="utf-8")) if found == language]


def ids(path):
    return path.relative_to(DOCS).as_posix()


RUN = [path for path in PAGES if blocks(path, "console") or blocks(path, "python")]


def masked(line):
    """A line without its numbers, whose last digits are those of a machine."""
    return NUMBER.sub("#", line).rstrip()


def comes_out(expected, printed):
    """Whether lines stand in what was printed, in their order; ``…`` stands for anything."""
    rest = [masked(line) for line in printed.splitlines()]
    for line in expected:
        pattern = re.compile(".*".join(re.escape(part) for part in masked(line).split("…")))
        at = next((i for i, each in enumerate(rest) if pattern.fullmatch(each)), None)
        if at is None:
            return False
        rest = rest[at + 1 :]
    return True


@pytest.mark.slow
@pytest.mark.parametrize("path", RUN, ids=ids)
def test_a_page_runs_as_it_stands(path, shown, reader, monkeypatch):
    monkeypatch.chdir(reader)
    for block in blocks(path, "console"):
        for part in block.split("$ ")[1:]:
            words, _, expected = part.partition("\n")
            found = shown(words)
            assert found.exit_code == 0, f"{words}\n{found.output}"
            assert comes_out(expected.splitlines(), found.output), f"{words}\n{found.output}"
    names: dict[str, object] = {}
    for block in blocks(path, "python"):
        exec(block, names)


def test_that_comparison_sees_another_word():
    assert comes_out(["Mean 1.2 (…)."], "first\nMean 3.4e-5 (80 %: 2).\n")
    assert not comes_out(["Mean 1.2 (…)."], "Median 1.2 (3).\n")
    assert not comes_out(["b", "a"], "a\nb\n")


SHOWN = [
    pytest.param(line, id=f"{ids(path)}-{number}")
    for path in PAGES
    for number, line in enumerate("\n".join(blocks(path, "sh")).splitlines())
    if line.startswith("budget ")
]


@pytest.mark.parametrize("line", SHOWN)
def test_commands_about_a_readers_own_files_parse(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    found = run(*words, *(["--out", "x"] if words[0] == "plan" and "--out" not in words else []))
    # usage is right (else 2); the file is not there, but for the one command that reads none
    assert found.exit_code == (0 if words[0] == "laws" else 1), f"{line}: {found.output}"


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_links_lead_somewhere(path):
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    missing = [link for link in LINK.findall(text) if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_every_page_is_in_the_contents():
    listed = set(re.findall(r"^[a-z][\w/-]*$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES} - {"index"}
    assert listed == pages


def test_the_reference_is_what_the_commands_say(tmp_path):
    # in a process of its own: click keeps a command's help option as the first context that asked for it names it
    subprocess.run([sys.executable, str(DOCS / "reference.py"), str(tmp_path)], check=True)
    for page in tmp_path.glob("*.md"):
        assert (DOCS / page.name).read_text(encoding="utf-8") == page.read_text("utf-8"), (
            "run: python docs/reference.py"
        )
    assert {page.name for page in tmp_path.glob("*.md")} == {"commands.md", "laws.md"}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("sphinx") is None, reason="needs the extra docs")
def test_the_site_is_built_without_a_warning(tmp_path):
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", DOCS, tmp_path / "site"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "tutorial.html").is_file()
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|<link[^>]*href)=["']https?:[^"']*""", page), "a page loads nothing from elsewhere"
