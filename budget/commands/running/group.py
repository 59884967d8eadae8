"""The group of commands: each loaded when it is asked for, its inputs kept, a user's mistake said in one sentence."""

import warnings
from collections import UserDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from budget.commands.running.standard_streams import watched_streams, writing_output
from budget.errors import BudgetError, ReaderGoneError
from budget.numerics.quoting import sentence
from budget.process_settings import quiet_jax
from budget.tables.files.places import place_of, refuse_inputs

READER_GONE = 141
"""Exit code where nobody reads the output any more, as of a program that SIGPIPE ends (128 + 13)."""

INVOCATION = "budget.invocation"
"""Where a context keeps what tells the whole command line."""

INPUTS = {"RUNS", "CSV", "CURVES", "CURVES...", "CANDIDATES", "TABLE", "PLAN", "PLAN_A", "PLAN_B", "STORE"}
"""How the help names a file that is read; ``--out`` may be a CSV as well."""


class Command(click.Command):
    """Refuses to write over its own inputs, and to a place that cannot be written, before anything is computed.

    It says of an input that stands in a plan's folder and is not of that plan.
    """

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        out = ctx.params.get("out")
        named = [ctx.params[param.name] for param in self.params if is_input(param) and param.name]
        inputs = [path for given in named for path in (given if isinstance(given, tuple) else (given,)) if path]
        if out:
            for output in self._outputs(out):
                refuse_inputs(output, inputs)
                place_of(output)
        for path in inputs:
            if (Path(path).parent / "plan.json").is_file():
                from budget.tables.files.manifest import stray_note

                for note in stray_note(path):
                    click.echo(note, err=True)
        from budget.commands.running.amounts_given import settled_amounts
        from budget.commands.running.project import apply_project

        device, utilisation = apply_project(ctx, inputs)
        with settled_amounts(ctx, device, utilisation):
            return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of a command line; those of a plan come from its file where that is named for the runs."""
        if self.name == "plan":
            from budget.commands.running.plan_file import expanded, invocation

            args = expanded(self, args, is_input)
            ctx.meta[INVOCATION] = lambda: invocation(self, ctx, args, is_input)
        return super().parse_args(ctx, list(args))

    def _outputs(self, out: str) -> list[Path]:
        if any(param.name == "out" and param.metavar == "DIR" for param in self.params):
            from budget.tables.files.manifest import PLAN_FILES

            return [Path(out) / name for name in PLAN_FILES]
        return [Path(out)]


def command(name: str, example: str) -> Callable[[Callable[..., None]], Command]:
    """Make a function the command of a name, whose help ends with an example.

    Args:
        name: what it is called, as its module is.
        example: a whole command line.
    """
    return click.command(name, cls=Command, epilog=f"Example: {example}")


def is_input(param: click.Parameter) -> bool:
    """Whether a parameter names a file, or files, to read."""
    return param.name != "out" and param.metavar in INPUTS


class CommandTable(UserDict[str, click.Command]):
    """Command name → command. Its module is imported when the command is first looked up, and no other."""

    def __init__(self, modules: dict[str, str]) -> None:
        """Take command name → the module, whose function with the module's name it is."""
        super().__init__()
        self._modules = modules

    def __missing__(self, name: str) -> click.Command:
        """Import the command."""
        if name not in self._modules:
            raise KeyError(name)
        module = self._modules[name]
        loaded: click.Command = getattr(import_module(module), module.rpartition(".")[2])
        self.data[name] = loaded
        return loaded

    def __contains__(self, name: object) -> bool:
        """Whether there is such a command, which is not imported for that."""
        return name in self._modules or name in self.data

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter({**self._modules, **self.data})

    def __len__(self) -> int:
        """How many there are."""
        return len({**self._modules, **self.data})


class Commands(click.Group):
    """Turns the user's mistakes into one sentence and exit code 1; a bug keeps its traceback."""

    def main(self, *args: Any, **named: Any) -> Any:
        """Parse the command line and run the command."""
        quiet_jax()
        with watched_streams(), warnings.catch_warnings():
            # what a library warns of, with the path of its source, means nothing to a user; tests make it an error
            warnings.showwarning = lambda *_, **__: None
            return super().main(*args, **named)

    def make_context(self, *args: Any, **named: Any) -> click.Context:
        """Parse the command line, which may print the help."""
        with _said_in_a_sentence():
            return super().make_context(*args, **named)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with _said_in_a_sentence():
            return super().invoke(ctx)


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    try:
        with writing_output():
            yield
    except ReaderGoneError:
        raise click.exceptions.Exit(READER_GONE) from None
    except BudgetError as error:
        raise click.ClickException(str(error)) from error
    except click.ClickException as error:  # wrong usage, which repeats what was written
        vars(error)["message"] = sentence(error.message, 240)  # click writes the option before it
        raise
