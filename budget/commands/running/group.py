"""The group of commands: each loaded when it is asked for, its inputs kept, a user's mistake said in one sentence.

See docs/decisions/151-one-door-for-all-commands.md.
"""

import os
import sys
import time
import traceback
import warnings
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import click

from budget.commands.running.everywhere import (
    DRY_RUN,
    DRY_RUN_OPTION,
    EVERYWHERE,
    asked_verbosity,
    color_of,
    note_color,
)
from budget.commands.running.help_pages import (
    write_commands,
    write_examples,
    write_exit_codes,
    write_topics,
)
from budget.commands.running.output import echo_notes
from budget.commands.running.standard_streams import watched_streams, writing_output
from budget.errors import BudgetError, ReaderGoneError
from budget.numerics.quoting import sentence, shown
from budget.process_settings import collect_garbage_rarely, quiet_jax, use_one_thread_for_matrices
from budget.tables.files.places import CURVES, DRAWS, names_curves_folder, place_of, refuse_inputs

READER_GONE = 141
"""Exit code where nobody reads the output any more, as of a program that SIGPIPE ends (128 + 13)."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as of a program that SIGINT ends (128 + 2)."""

INVOCATION = "budget.invocation"
"""Where a context keeps what tells the whole command line."""

WORDS = "budget.words"
"""Where a context keeps the words of the command line behind the command's name, as they were given."""

INPUTS = {"RUNS", "CSV", "CURVES", "CURVES...", "CANDIDATES", "TABLE", "PLAN", "PLAN_A", "PLAN_B", "STORE", "PARTS..."}
"""How the help names a file that is read; ``--out`` may be a CSV as well."""


class Command(click.Command):
    """Refuses to write over its own inputs, and to a place that cannot be written, before anything is computed.

    It says of an input that stands in a plan's folder and is not of that plan.
    """

    examples: Sequence[str] = ()
    """Whole command lines, for the help."""

    takes_long = False
    """Whether it can say what it would do (``--dry-run``)."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own options, then those of every command."""
        own = super().get_params(ctx)
        dry_run = (DRY_RUN_OPTION,) if self.takes_long else ()
        return [*own[: len(self.params)], *dry_run, *EVERYWHERE, *own[len(self.params) :]]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by what they are about, then the examples."""
        write_topics(self, ctx, formatter)
        write_examples(self.examples, formatter)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with asked_verbosity(ctx) as asked:
            began, worked = time.monotonic(), time.process_time()
            try:
                return self._invoke_on_settled_inputs(ctx)
            except BudgetError:
                if asked.verbose:
                    traceback.print_exc()
                raise
            finally:
                if asked.verbose:
                    echo_notes(_cost(self.name, time.monotonic() - began, time.process_time() - worked))

    def _invoke_on_settled_inputs(self, ctx: click.Context) -> object:
        out = ctx.params.get("out")
        named = [ctx.params[param.name] for param in self.params if is_input(param) and param.name]
        inputs = [path for given in named for path in (given if isinstance(given, tuple) else (given,)) if path]
        if out:
            for output in self._outputs(out):
                refuse_inputs(output, inputs)
                place_of(output)
        for given in inputs:
            path = Path(given) / CURVES if os.path.isdir(given) else Path(given)
            if (path.parent / "plan.json").is_file():
                from budget.tables.files.manifest import stray_note

                echo_notes(*stray_note(path))
        from budget.commands.running.amounts_given import settled_amounts
        from budget.commands.running.project import apply_project

        device, utilisation = apply_project(ctx, inputs)
        with settled_amounts(ctx, device, utilisation):
            if ctx.meta.get(DRY_RUN):
                from budget.commands.running.dry_run import say_intended

                say_intended(ctx, inputs)
                return None
            return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of a command line; those of a plan come from its file where that is named for the runs."""
        if self.name == "plan":
            from budget.commands.running.plan_file import expanded, invocation

            args = expanded(self, args, is_input)
            ctx.meta[INVOCATION] = lambda: invocation(self, ctx, args, is_input)
        ctx.meta[WORDS] = tuple(args)
        note_color(ctx, args)
        return super().parse_args(ctx, list(args))

    def _outputs(self, out: str) -> list[Path]:
        kind = next(param.metavar for param in self.params if param.name == "out")
        if kind == "FILE|DIR" and names_curves_folder(out):
            return [Path(out) / name for name in (DRAWS, CURVES)]
        if kind == "DIR":
            from budget.tables.files.manifest import PLAN_FILES

            return [Path(out) / name for name in PLAN_FILES]
        return [Path(out)]


def _cost(name: str | None, seconds: float, worked: float) -> str:
    memory = ""
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        memory = f", at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6:,.0f} MB of memory"
    return f"{name} took {seconds:.1f} s ({worked:.1f} s of this process's CPU time{memory})."


def command(name: str, *examples: str, takes_long: bool = False) -> Callable[[Callable[..., None]], Command]:
    """Make a function the command of a name, whose help ends with examples.

    Args:
        name: what it is called, as its module is.
        examples: whole command lines, which a test runs in a clone of the repository.
        takes_long: whether it can say what it would do, see ``dry_run``.
    """

    def decorate(body: Callable[..., None]) -> Command:
        made: Command = click.command(name, cls=Command)(body)
        made.examples, made.takes_long = examples, takes_long
        for param in made.params:  # shells complete files by their names
            if (param.name == "out" or is_input(param)) and isinstance(param.type, click.types.StringParamType):
                param.type = click.Path()
        return made

    return decorate


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

    sections: Mapping[str, Sequence[str]] = {}
    """Heading → commands, in the order of the help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their table."""
        return list(self.commands)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own options and those of every command, which may stand before a command's name too."""
        return [*EVERYWHERE, *super().get_params(ctx)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by sections, in whole sentences, and what exit codes mean."""
        write_commands(self.commands, self.sections, formatter)
        write_exit_codes(formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of a wrong name the nearest are said."""
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(args[0], self.commands, 3, 0.5)
            meant = f"did you mean {' or '.join(near)}?" if near else "see 'budget --help'."
            ctx.fail(f"No such command {shown(args[0])}; {meant}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **named: Any) -> Any:
        """Parse the command line and run the command."""
        quiet_jax()
        use_one_thread_for_matrices()
        collect_garbage_rarely()
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


class Mistake(click.ClickException):
    """A user's mistake, its first word in red where colours are wanted."""

    def __init__(self, message: str) -> None:
        """Keep the sentence, and whether the command line that runs wants colours."""
        super().__init__(message)
        ctx = click.get_current_context(silent=True)
        self.color = None if ctx is None else color_of(ctx)

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it on standard error."""
        _show_error(self.format_message(), file, self.color)


class Misuse(click.UsageError):
    """A wrong command line, which looks as any other mistake does."""

    def __init__(self, error: click.UsageError) -> None:
        """Keep what click found, which repeats what was written, as one sentence."""
        vars(error)["message"] = sentence(error.message, 240)  # click writes the option before it
        super().__init__(error.format_message(), error.ctx)

    def show(self, file: IO[Any] | None = None) -> None:
        """Say how the command is called, and what is wrong, on standard error."""
        color = None if self.ctx is None else color_of(self.ctx)
        if self.ctx is not None:
            hint = f"Try '{self.ctx.command_path} --help' for help."
            click.echo(f"{self.ctx.get_usage()}\n{hint}\n", file=file, err=True, color=color)
        _show_error(self.format_message(), file, color)


def _show_error(message: str, file: IO[Any] | None, color: bool | None) -> None:
    click.echo(f"{click.style('Error:', fg='red')} {message}", file=file, err=True, color=color)


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    try:
        with writing_output():
            yield
    except KeyboardInterrupt:
        click.echo("\nInterrupted.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except ReaderGoneError:
        raise click.exceptions.Exit(READER_GONE) from None
    except BudgetError as error:
        raise Mistake(str(error)) from error
    except click.exceptions.NoArgsIsHelpError:  # whose message is the help
        raise
    except click.UsageError as error:
        raise error if isinstance(error, Misuse) else Misuse(error) from None
    except click.ClickException as error:
        vars(error)["message"] = sentence(error.message, 240)
        raise
