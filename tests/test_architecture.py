"""The import rules, read from the syntax trees, and what commands load."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from budget.commands import MODULES as COMMANDS
from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests import ROOT, made

LAYERS = ("numerics", "tables", "curves", "allocation", "portfolio", "studies", "report", "commands", "notebook")
"""Left may not import right. Beside them stand lab, which only commands import, and what belongs to no layer."""
BELOW = {
    "lab": {"errors", "numerics", "tables", "process_settings"},
    "process_settings": {"tables"},
    "errors": {"numerics"},
}
"""What these import of the package, beside themselves."""
MOST_MODULES = 15
"""Modules of a folder beside its ``__init__.py``: so many names are read at one glance."""
MODULES = sorted((ROOT / "budget").rglob("*.py"))
JAX_HOMES = {"curves", "lab", "process_settings.py"}
FILING = {
    "tables/files/text.py",
    "tables/files/contents.py",
    "tables/files/write_files.py",
    "tables/files/places.py",
    "tables/files/owner.py",
    "tables/files/claims.py",
    "tables/files/journal.py",
    "tables/files/part_files.py",
    "tables/files/temporary.py",
    "tables/kept_files.py",
    "curves/fit_identity.py",
    "commands/running/standard_streams.py",
}
"""The modules that touch the disk or, the last, open a device in the place of a closed stream."""

SAME_NAME = {"fit"}
"""Names of several files though none is a command: the fit of curves, and that of a link."""


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def top_level(path: Path) -> set[str]:
    """The modules that importing this one imports: neither those inside functions nor those for types alone."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def layer(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "budget" and len(parts) > 1 else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    own = path.relative_to(ROOT / "budget").parts[0].removesuffix(".py")
    for name in imported(path):
        other = layer(name)
        assert name != "cli", f"{path} imports the command line's script"
        if own in LAYERS and other in LAYERS:
            assert LAYERS.index(other) <= LAYERS.index(own), f"{path} ({own}) imports {name}"
        if own in BELOW and other is not None:
            assert other in BELOW[own] | {own}, f"{path} imports {name}"
        if other in ("lab", "process_settings"):
            assert own in ("lab", "commands", "notebook", other, "__init__"), f"{path} imports {name}"


def test_no_modules_import_each_other_in_a_circle():
    names = {module_name(path): path for path in MODULES}
    imports = {name: top_level(path) & set(names) - {name} for name, path in names.items()}
    remaining = dict(imports)
    while leaves := {name for name, others in remaining.items() if not others & set(remaining)}:
        remaining = {name: others for name, others in remaining.items() if name not in leaves}
    assert not remaining, f"in a circle, or above one: {sorted(remaining)}"


def test_no_folder_holds_more_than_a_reader_takes_in():
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in MODULES if path.name != "__init__.py")
    assert not {folder: count for folder, count in counts.items() if count > MOST_MODULES}


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("jax", JAX_HOMES),
        ("optax", JAX_HOMES),
        ("cvxpy", {"allocation"}),
        ("highspy", {"numerics"}),
    ],
)
def test_heavy_packages_have_one_home(package, homes):
    for path in MODULES:
        if any(name.split(".")[0] == package for name in imported(path)):
            assert path.relative_to(ROOT / "budget").parts[0] in homes, f"{path} imports {package}"


def test_only_the_modules_of_reading_and_writing_touch_files():
    touching = {"open", "read_text", "write_text", "read_csv", "unlink", "replace", "mkdir", "mkstemp", "read_bytes"}
    for path in MODULES:
        if path.relative_to(ROOT / "budget").as_posix() in FILING:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        bare = {func.id for func in calls if isinstance(func, ast.Name)}
        assert "open" not in bare, f"{path} opens a file"
        on_paths = {
            func.attr
            for func in calls
            if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in {"Path", "os"}
        }
        assert not on_paths & touching, f"{path} touches files: {on_paths}"


def loaded_after(code: str) -> set[str]:
    report = f"{code}\nimport sys\nprint('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


HEAVY = {"pandas", "numpy", "jax", "optax", "cvxpy", "highspy", "scipy", "jinja2", "platformdirs", "rich"}
HELP = """
import contextlib
from budget.commands import main
with contextlib.suppress(SystemExit):
    main({words})
"""


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["fit", "--help"], ["allocate", "--nothing"]])
def test_help_loads_nothing_heavy_and_no_other_command(words):
    loaded = loaded_after(HELP.format(words=words))
    assert not loaded & HEAVY
    if words[0] != "--help":
        commands = {f"budget.commands.{name}" for name in COMMANDS} & loaded
        assert commands == {f"budget.commands.{words[0]}"}


def test_package_import_loads_nothing_heavy():
    assert not loaded_after("import budget") & {"pandas", "numpy", "jax", "cvxpy"}


def test_allocation_runs_without_jax_and_fitting_without_cvxpy():
    assert "jax" not in loaded_after(
        "import budget.curves.curves, budget.studies.predictions, budget.allocation.convex.problem"
    )
    planning = loaded_after(
        "import budget.allocation.solve, budget.studies.growth.growth, budget.studies.budget_response"
    )
    assert not planning & {
        "budget.curves.fitting.fit",
        "budget.curves.fitting.solver",
        "budget.curves.fitting.loss",
        "optax",
    }
    assert "cvxpy" not in loaded_after("import budget.curves.fitting.fit")
    assert "cvxpy" not in planning  # nor does anything that plans import it before a plan is to be shown
    assert not {"cvxpy", "jax"} & loaded_after("import budget.allocation.mixture.plan_mixture")
    # cvxpy itself would load JAX to look for a solver written in it; both can be loaded after it, and by others before
    assert not {"jax", "scipy.stats"} & loaded_after("import budget.allocation.convex.program")
    assert {"jax", "cvxpy"} <= loaded_after("import budget.allocation.convex.program, jax.numpy")
    assert {"jax", "cvxpy"} <= loaded_after("import jax.numpy, budget.allocation.convex.program")
    used = "import budget.allocation.convex.program, cvxpy, numpy\nhalves = numpy.eye(2) / 2\n"
    used += "assert cvxpy.quantum_rel_entr(halves, halves).value == 0\n"
    used += "import scipy.stats\nassert scipy.stats.norm.cdf(0) == 0.5"
    assert {"cvxpy", "scipy.stats"} <= loaded_after(used)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Curves with a few draws, a split and unserved values, as commands read them."""
    path = tmp_path_factory.mktemp("planned")
    curves = made.chinchilla(draws=20)
    (path / "curves.json").write_text(json_text(record_of(curves)))
    (path / "split.csv").write_text("task,spend\n" + "".join(f"{name},3e20\n" for name in curves.tasks))
    (path / "tasks.csv").write_text("task,unserved\n" + "".join(f"{name},9\n" for name in curves.tasks))
    return path


@pytest.mark.parametrize(
    ("command", "loads"),
    [
        ("allocate {curves} --budget 1e21", True),
        ("allocate {curves} --budget 1e21 --risk mean", False),
        ("allocate {curves} --budget 1e21 --limit tokens=1e11 --evaluate {split}", False),
        ("allocate {curves} --budget 1e21 --allow-unserved --tasks {tasks}", False),
        ("grow {curves} --budget 1e21", False),
        ("next {curves} --budget 1e21 --spend 1e20", False),
    ],
)
def test_a_solver_is_loaded_where_a_plan_is_shown_and_nowhere_else(folder, command, loads):
    files = {"curves": folder / "curves.json", "split": folder / "split.csv", "tasks": folder / "tasks.csv"}
    words = [word.format(**files) for word in command.split()]
    code = f"from cli import main\nmain({words!r}, standalone_mode=False)"
    assert ("cvxpy" in loaded_after(code)) == loads


def test_public_names_resolve():
    import budget

    for name in budget.__all__:
        assert getattr(budget, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = budget.nothing


def test_editors_and_python_find_public_names_in_the_same_places():
    import budget

    tree = ast.parse((ROOT / "budget" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    shown = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert shown == budget._HOME


RULES_OF_THEIR_OWN = {
    "curves/fitting/bootstrap.py": "the quantile that an asymmetric loss follows, read off as the loss defines it",
    "curves/sizing.py": "the value by which a size is judged, which nobody is shown",
    "studies/next_runs/tabulated_plans.py": "the span of a search grid over the draws, which nobody is shown",
    "allocation/spec/risks.py": "the risk 'quantile': the order statistic that the plan minimizes",
    "allocation/interior_point/under_risk.py": "where the search for that plan begins",
    "report/pictures/many_figures.py": "how far a picture's axis goes; what lies beyond is drawn at its end",
}
"""Modules that take a quantile for something else than an interval, and what."""


def test_intervals_are_computed_in_one_place():
    taking = {"percentile", "nanpercentile", "quantile", "nanquantile", "mquantiles", "scoreatpercentile"}
    found = set()
    for path in MODULES:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        on_numpy = [func for func in calls if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)]
        if any(func.attr in taking and func.value.id in {"np", "numpy", "stats", "mstats"} for func in on_numpy):
            found.add(str(path.relative_to(ROOT / "budget")))
    assert found == set(RULES_OF_THEIR_OWN)


LAW_HOMES = ("curves/laws/", "curves/planning_forms/", "curves/link/link.py")
PARAMETER_ARRAYS = {"theta", "parameters", "draws", "natural"}
"""Names of arrays whose last axis is a law's parameters."""


def _of_a_law(node: ast.AST) -> bool:
    """Whether an expression names a law, such as ``curves.law`` or ``fitting["law"]``."""
    return any(
        (isinstance(part, ast.Attribute) and part.attr == "law")
        or (isinstance(part, ast.Name) and part.id == "law")
        or (isinstance(part, ast.Constant) and part.value == "law")
        for part in ast.walk(node)
    )


def _words(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def _last_axis_is_a_number(node: ast.Subscript) -> bool:
    """Whether the last of several axes is given by a number, or by a slice from or to one."""
    if not (isinstance(node.slice, ast.Tuple) and len(node.slice.elts) > 1):
        return False
    last = node.slice.elts[-1]
    ends = [last.lower, last.upper, last.step] if isinstance(last, ast.Slice) else [last]
    numbers = [part.operand if isinstance(part, ast.UnaryOp) else part for part in ends if part is not None]
    return any(isinstance(part, ast.Constant) and isinstance(part.value, int) for part in numbers)


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def law_secrets(tree: ast.AST, names: set[str]) -> list[str]:
    """Where a module knows a law by its name or a parameter by its place, as source text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_of_a_law(side) for side in sides) and any(_words(side) & names for side in sides):
                found.append(ast.unparse(node))
        if isinstance(node, ast.Match) and _of_a_law(node.subject):
            found.append(ast.unparse(node.subject))
        if isinstance(node, ast.Subscript) and _name(node.value) in PARAMETER_ARRAYS and _last_axis_is_a_number(node):
            found.append(ast.unparse(node))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            value = node.value
            if isinstance(value, ast.Attribute) and value.attr == "T" and _name(value.value) in PARAMETER_ARRAYS:
                found.append(ast.unparse(node))
    return found


def test_only_the_laws_know_a_law_by_name_and_a_parameter_by_place():
    from budget.curves.laws.table import LAWS

    names = set(LAWS)
    for path in MODULES:
        if path.relative_to(ROOT).as_posix().removeprefix("budget/").startswith(LAW_HOMES):
            continue
        assert not law_secrets(ast.parse(path.read_text(encoding="utf-8")), names), path


@pytest.mark.parametrize(
    "code",
    [
        'x = curves.law == "shared"',
        'x = law in ("m4", "bnsl")',
        'x = fitting["law"] not in ("shared", "transfer")',
        "x = theta[..., 5]",
        "x = curves.parameters[:, 2::2]",
        "a, b, c = curves.parameters.T",
    ],
)
def test_that_rule_sees_what_it_forbids(code):
    assert law_secrets(ast.parse(code), {"shared", "transfer", "m4", "bnsl"})


RECORDS = {
    "mean", "worst", "targets", "cheapest",
    "point", "cvar", "quantile",
    "value", "progress", "score",
    "specialists", "shared",
}  # fmt: skip
"""Names of objectives, risks, measures and strategies."""
TABLES = {
    "allocation/spec/objectives.py",
    "allocation/spec/risks.py",
    "allocation/spec/measures.py",
    "allocation/spec/plan_spec.py",
}
"""Where they stand."""
OTHERS = re.compile(r"\b(goal|law)\b")
"""What else has words like these: what the convex program makes small, and laws."""


READING = {("tables", "reading"), ("tables", "imports")}
"""Their ``value`` is a column, not a measure."""


def test_no_module_compares_the_name_of_an_objective_a_measure_a_risk_or_a_strategy():
    """Its record says what has to be known, so that one that is added is never taken for another."""
    found = []
    for path in MODULES:
        own = path.relative_to(ROOT / "budget")
        if own.as_posix() in TABLES or own.parts[0] == "lab" or own.parts[:2] in READING:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
            elif isinstance(node, ast.Match):
                sides = [node.subject, *(part for case in node.cases for part in ast.walk(case.pattern))]
            else:
                continue
            words = {part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)}
            about = " ".join(ast.unparse(side) for side in sides if not isinstance(side, ast.pattern))
            if words & RECORDS and not OTHERS.search(re.sub(r"'[^']*'", "", about)):
                found.append(f"{own}:{node.lineno}: {about}")
    assert not found


def test_a_file_name_stands_for_one_thing():
    """A reader finds a concept by its file's name; a command's file has the name of the command, whatever else has."""
    named: dict[str, list[Path]] = {}
    for path in MODULES:
        if path.stem != "__init__" and path.parent.name != "commands" and path.stem not in SAME_NAME:
            named.setdefault(path.stem, []).append(path)
    assert not {name: paths for name, paths in named.items() if len(paths) > 1}
