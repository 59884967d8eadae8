"""Calls of the public functions from Python: an argument of another type than is due is told in a sentence.

See docs/decisions/163-wrong-calls-are-told-in-a-sentence.md.
"""

import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from budget.errors import CallError
from budget.numerics.quoting import listed, shown

MAKERS = {
    "Runs": "read_runs or runs_from_frame",
    "Curves": "fit_curves",
    "TaskSettings": "read_tasks or default_tasks",
    "PlanSpec": "plan_spec",
    "Candidates": "read_candidates or candidates_from_frame",
    "Cotrained": "read_cotrained or cotrained_from_frame",
    "Loss": "make_loss",
}
"""Class of the package → the public functions that return it."""

_WORDS = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "True or False", "Path": "a path",
          "DataFrame": "a pandas DataFrame", "ndarray": "an array", "NoneType": "None"}  # fmt: skip


P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R], compared: bool = True) -> Callable[P, R]:
    """The function, which refuses arguments of other types than it states.

    What it states of numbers, texts, classes, mappings and sequences is compared, but not what stands inside of them.

    Args:
        function: any.
        compared: whether types are, or only names and numbers of arguments.
    """

    @wraps(function)
    def call(*args: P.args, **named: P.kwargs) -> R:
        signature, hints = _stated(function)
        try:
            given = signature.bind(*args, **named).arguments
        except TypeError as error:
            called = f"{function.__name__}{_names(signature)}"
            raise CallError(f"{function.__name__}: {error}; it is called {called}.") from None
        for name, argument in given.items():
            if compared and name in hints and not _fits(argument, hints[name]):
                raise CallError(_sentence(function.__name__, name, argument, hints[name]))
        return function(*args, **named)

    return call


@cache
def _stated(function: Callable[..., Any]) -> tuple[inspect.Signature, Mapping[str, Any]]:
    """The signature, and the types of its named parameters as far as they can be told."""
    signature = inspect.signature(function)
    hints = {}
    for name, parameter in signature.parameters.items():
        hint = parameter.annotation
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or hint is parameter.empty:
            continue
        if isinstance(hint, str):
            try:
                hint = eval(hint, vars(inspect.getmodule(function)))
            except (NameError, TypeError):  # a name that only type checkers see
                continue
        hints[name] = hint
    return signature, hints


def _fits(argument: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if hint is Any or isinstance(hint, str):
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(argument, each) for each in get_args(hint))
    if origin is Literal:
        return argument in get_args(hint)
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if kind is float:
        return isinstance(argument, Real) and not isinstance(argument, bool)
    if kind is int:
        return isinstance(argument, Integral) and not isinstance(argument, bool)
    if kind.__name__ == "Callable":
        return callable(argument)
    if kind is Sequence:  # arrays and indexes are no Sequence by name
        return not isinstance(argument, (str, bytes, Mapping)) and hasattr(argument, "__len__") and _iterates(argument)
    if kind.__name__ == "ndarray":  # of which a list or a number may take the place
        return isinstance(argument, (kind, Sequence, Real)) and not isinstance(argument, str)
    return isinstance(argument, kind)


def _iterates(argument: object) -> bool:
    return isinstance(argument, Iterable) and hasattr(argument, "__getitem__")


def _sentence(function: str, name: str, argument: object, hint: Any) -> str:
    due = _alternatives(hint)
    words = " or ".join(_WORDS.get(each, each) for each in due)
    makers = [MAKERS[each] for each in due if each in MAKERS]
    how = f", as {listed(f'budget.{each}' for each in makers)} returns it" if makers else ""
    kind = type(argument).__name__
    what = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    if argument is None or isinstance(argument, (str, int, float)):
        what = shown(argument) if isinstance(argument, str) else str(argument)
    return f"{function}: {name} is {what}, where {words} is due{how}."


def _alternatives(hint: Any) -> list[str]:
    """What a type allows, by name."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return list(dict.fromkeys(name for each in get_args(hint) for name in _alternatives(each)))
    if origin is Literal:
        return [repr(each) for each in get_args(hint)]
    kind = origin or hint
    inside = get_args(hint)
    if kind is Sequence:
        return ["a list" + (" of names" if inside == (str,) else "")]
    if kind is Mapping:
        return ["a dictionary"]
    return ["a function" if getattr(kind, "__name__", "") == "Callable" else getattr(kind, "__name__", str(kind))]


def _names(signature: inspect.Signature) -> str:
    """The parameters without their types."""
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
