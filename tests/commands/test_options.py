"""How options reach a command: as typed records, by their older names too, and by names of records added later."""

import ast
from dataclasses import fields, is_dataclass, replace

import click
import pytest
from click.testing import CliRunner

from budget.commands import main
from budget.commands.options.option_types import NameIn, Renamed
from budget.commands.running.group import CommandTable
from budget.curves.laws.names import AUTO
from tests import ROOT
from tests.commands.invoking import run

PARAMETERS = [(name, param) for name, command in main.commands.items() for param in command.params]
OLD_NAMES = [(name, old, param) for name, param in PARAMETERS if isinstance(param, Renamed) for old in param.old]


def parsed(name: str, words: list[str]) -> dict:
    return main.commands[name].make_context(name, words).params


def test_older_names_mean_the_same_and_are_not_shown():
    known = {(name, old) for name, old, _ in OLD_NAMES}
    assert known >= {("backtest", "--hide"), ("backtest", "--below"), ("next", "--count")}
    for name, old, param in OLD_NAMES:
        needed = [
            word
            for other in main.commands[name].params
            if other.required and other is not param
            for word in (["file.csv"] if isinstance(other, click.Argument) else [other.opts[0], "1"])
        ]
        value = "2" if isinstance(param.type, click.types.IntRange) else "0.5"
        assert parsed(name, [*needed, old, value]) == parsed(name, [*needed, param.opts[0], value])
        assert param.get_default(main.commands[name].make_context(name, needed)) != float(value)
        shown = run(name, "--help").output
        assert f"{old} " not in shown and f"{param.opts[0]} " in shown


@pytest.mark.parametrize("param", [param for _, param in PARAMETERS if isinstance(param.type, NameIn)])
def test_names_that_the_help_shows_are_those_of_the_table(param):
    listed = [name for name in param.type.choices if name != AUTO]  # stands for one of the others
    assert listed == list(param.type.records)


def test_a_name_that_was_added_to_its_table_is_accepted(monkeypatch):
    law = next(param for param in main.commands["fit"].params if param.name == "law").type
    with pytest.raises(click.BadParameter, match=r"'kaplan' is not one of .*'power', 'chinchilla', "):
        law.convert("kaplan", None, None)
    monkeypatch.setitem(law.records, "kaplan", replace(law.records["power"], name="kaplan"))
    assert law.convert("kaplan", None, None) == "kaplan"
    with pytest.raises(click.BadParameter, match=r"'cubic' is not one of .*'kaplan'"):
        law.convert("cubic", None, None)


def test_a_command_is_loaded_when_it_is_looked_up_and_no_other():
    table = CommandTable({"check": "budget.commands.check", "never": "budget.commands.no_such_module"})
    assert list(table) == ["check", "never"] and len(table) == 2 and "never" in table and "nothing" not in table
    assert table["check"] is main.commands["check"] and table.get("nothing") is None
    with pytest.raises(KeyError):
        _ = table["nothing"]
    with pytest.raises(ModuleNotFoundError):
        _ = table["never"]


def options_of(record):
    """The options of a record, those of the records in it among them."""
    inside = {field.name: field.type for field in fields(record) if is_dataclass(field.type)}
    own = {field.name for field in fields(record)} - set(inside)
    return own.union(*map(options_of, inside.values()))


def test_every_field_of_a_record_is_an_option_that_its_commands_have():
    for path in sorted((ROOT / "budget" / "commands" / "options").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.decorator_list:
                module = __import__(f"budget.commands.options.{path.stem}", fromlist=[node.name])
                record = getattr(module, node.name)
                assert is_dataclass(record)
                names = options_of(record)
                commands = [command for command in main.commands.values() if names <= {p.name for p in command.params}]
                assert commands, f"no command takes all of {node.name}"


@pytest.mark.parametrize("words", [["nothing"], ["check", "runs.csv", "--nothing"], ["fit", "runs.csv", "--law", "x"]])
def test_a_mistake_in_usage_names_what_was_written(words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2 and words[-1].removeprefix("--") in result.stderr
