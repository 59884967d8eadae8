"""What an option's text may be, and how options reach a command together. Only click is loaded here."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any

import click

from budget.errors import DataError
from budget.numerics.numerals import count_of
from budget.numerics.quoting import shown

Body = Callable[..., Any]
"""What a command does."""

Decorator = Callable[[Body], Body]
"""Gives a command an option, or several."""

PLAN_ON = click.Choice(["steady", "predicted"])
"""What plans are made on (``curves.steady.PLAN_ON``)."""

Words = tuple[tuple[str, str], ...]
"""``NAME=VALUE``, as often as it was given."""


def together(*options: Decorator) -> Decorator:
    """Several options, in this order."""

    def decorate(body: Body) -> Body:
        for option in reversed(options):
            body = option(body)
        return body

    return decorate


def as_record(record: Callable[..., object], argument: str, *options: Decorator) -> Decorator:
    """Several options that reach the command as one argument.

    Args:
        record: a dataclass, each field of which is the option of its name.
        argument: the command's name for it.
        options: in the order of the help.
    """
    names = list(signature(record).parameters)

    def decorate(body: Body) -> Body:
        @wraps(body)
        def with_record(**given: object) -> Any:
            chosen = {name: given.pop(name) for name in names}
            return body(**{argument: record(**chosen)}, **given)

        return together(*options)(with_record)

    return decorate


def as_number(text: object, what: str, example: str) -> float:
    """A finite number; a wrong one is the user's mistake (exit 1), like a wrong cell in a file.

    Args:
        text: what the user wrote.
        what: whose number it is, such as ``--budget``.
        example: one that is right.

    Raises:
        DataError: the text is no finite number.
    """
    number = float(text) if isinstance(text, (int, float)) else count_of(str(text).strip())
    if not abs(number) < float("inf"):
        raise DataError(f"{what} is {shown(text)}, which is not a number; give one such as {example}.")
    return number


class Number(click.ParamType):  # type: ignore[type-arg]  # takes an argument in click 8.5, and none before
    """A finite number, see ``as_number``."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text."""
        return as_number(value, param.opts[0] if param else "The number", "1e21")


PRICE = "budget.price"
"""Where a command's context keeps ``--price``, for amounts of money."""


class Amount(click.ParamType):  # type: ignore[type-arg]  # as above
    """A number, or an amount with its unit, which is read when the command's settings are known."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Parse a bare number; keep any other text."""
        number = float(value) if isinstance(value, (int, float)) else count_of(str(value).strip())
        return number if abs(number) < float("inf") else str(value)


class Factor(Number):
    """A number, or ``inf``."""

    name = "factor"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text."""
        if str(value).strip().lower() in ("inf", "infinity"):
            return float("inf")
        return as_number(value, param.opts[0] if param else "The factor", "10")


class Pair(click.ParamType):  # type: ignore[type-arg]  # as above
    """``NAME=VALUE``."""

    name = "name=value"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        left, equals, right = value.partition("=")
        if not (left.strip() and equals):
            self.fail(f"{shown(value)} is not of the form NAME=VALUE.", param, ctx)
        return left.strip(), right.strip()


OPERATOR = re.compile("!=|>=|<=|!~|<|>|~|=")
"""What may stand between a column and what its cells are compared with; ``rows_where`` reads them."""


class Condition(Pair):
    """``COLUMN=VALUE``, or with another operator between them, as (column and operator, value)."""

    name = "column=value"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first operator."""
        if isinstance(value, tuple):
            return value
        found = OPERATOR.search(value)
        if found is None or not value[: found.start()].strip():
            self.fail(f"{shown(value)} is not of the form COLUMN=VALUE (or !=, <, <=, >, >=, ~, !~).", param, ctx)
        suffix = {"=": "", "!=": "!"}.get(found.group(), found.group())
        return value[: found.start()].strip() + suffix, value[found.end() :].strip()


def written_condition(column: str, value: str) -> str:
    """A condition as an option has it: the inverse of ``Condition``.

    >>> written_condition("task!", "a"), written_condition("params<", "1e9"), written_condition("task", "a")
    ('task!=a', 'params<1e9', 'task=a')
    """
    return f"{column}{value}" if column.endswith(("<", ">", "~", "=")) else f"{column}={value}"


class Names(click.ParamType):  # type: ignore[type-arg]  # as above
    """``NAME,NAME``: as many as there are, empty ones among them."""

    name = "names"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split at the commas."""
        return value if isinstance(value, tuple) else tuple(name.strip() for name in value.split(","))


class NameIn(click.Choice[str]):
    """The name of a record in a table of the package, such as a law in ``LAWS``.

    The help shows the names that are known here, so that it loads no table (a test compares them). Another name is
    looked up in the table itself: one that was added there is accepted.
    """

    def __init__(self, names: tuple[str, ...], table: str) -> None:
        """Take the names, and ``module:TABLE``."""
        super().__init__(names)
        self.table = table

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Find the name."""
        if value in self.choices:
            return value
        return click.Choice(tuple(self.records)).convert(value, param, ctx)

    @property
    def records(self) -> Mapping[str, object]:
        """The table itself."""
        module, _, name = self.table.partition(":")
        table: Mapping[str, object] = getattr(import_module(module), name)
        return table


class Renamed(click.Option):
    """An option that is known by older names too, which the help does not show."""

    def __init__(self, declarations: Sequence[str], *, old: tuple[str, ...], **attributes: Any) -> None:
        """Take the older names, such as ``("--hide",)``, and what any option takes."""
        super().__init__(declarations, **attributes)
        self.old = old

    def add_to_parser(self, parser: "click.parser._OptionParser", ctx: click.Context) -> None:
        """Let the parser know all the names."""
        shown_names, self.opts = self.opts, [*self.opts, *self.old]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown_names
