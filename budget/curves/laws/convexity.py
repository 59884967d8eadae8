"""Whether a law is convex, how that is known, and the form in which a planner reads it.

A plan is a convex program where, at each task, the distance to the best falls in every log input ``u`` and is convex
in all of them together. Three shapes are told apart, from the strongest:

- a sum of falling powers, ``floor + Σ_k exp(a_k − e_k·u)``: convex since an exponential of a linear function is
  (Boyd & Vandenberghe 2004, §4.5: a posynomial in log variables). Nothing has to be shown (``POWER_SUM``);
- a law of which ``log(value − floor)``, or the logarithm of each of its terms, is convex in ``u``. Its tangent there
  makes a posynomial that lies below the law, by which the program's bound is proven (``LOG_CONVEX``);
- a law that is convex itself, but perhaps not its logarithm: best sizes are found, and a plan is searched with the
  concave envelope's bound (``CONVEX``).

The argument for each law stands where its shape is stated: sums of powers here (``POWER_SUM``), repeated data in
``repeat``, one model on a mixture in ``planning_forms.mixture``; draws of a posterior are read as sums of powers
(``predictive.surrogate``). Whoever writes a law states its shape; what nobody states is not taken for granted
(``NOT_KNOWN_CONVEX``). The tests hold every law to what it states, over its whole box: chords above, tangents below, no
rise with scale.

See docs/decisions/122-where-convexity-is-known.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.numerical import NumericalForm
from budget.curves.planning_forms.posynomial import Posynomial

if TYPE_CHECKING:
    from budget.curves.laws.law import Law

GIVEN_BY_TASKS = ("unique_tokens",)
"""Inputs that no plan chooses: columns of the tasks file."""


@dataclass(frozen=True)
class Planning:
    """How a law looks to a planner.

    Attributes:
        form: (law, theta (V, P), reference (V, I), inputs that the tasks give (V, J)) → V functions of the log inputs
            that the plan chooses.
        is_convex: whether the law falls in every input and is convex in their logarithms, so that a plan can find the
            best size at a spend.
        has_tangents: whether, moreover, the logarithm of what lies above the floor is convex, or of each term of it. A
            tangent of that logarithm makes a posynomial that lies below, so that a plan is a convex program.
    """

    form: Callable[["Law", np.ndarray, np.ndarray, np.ndarray], PlanningForm]
    is_convex: bool = False
    has_tangents: bool = False


def numerical_form(law: "Law", theta: np.ndarray, reference: np.ndarray, given: np.ndarray) -> NumericalForm:
    """The planning form of any law, by its value alone."""
    held = np.zeros(reference.shape)
    chosen = [place for place, name in enumerate(law.inputs) if name not in GIVEN_BY_TASKS]
    held[:, [place for place in range(len(law.inputs)) if place not in chosen]] = np.log(given)
    return NumericalForm(
        law_value=law.value,
        is_convex=law.planning.is_convex,
        free=tuple(chosen),
        theta=theta[:, None],
        floor=law.floor(theta)[:, None],
        log_reference=np.log(reference)[:, None],
        log_held=held[:, None],
        factor=np.ones((len(theta), 1)),
        shift=np.zeros(len(theta)),
    )


NOT_KNOWN_CONVEX = Planning(numerical_form)
"""Of a law that says nothing of its shape: planned from each task's own response to its spend."""

CONVEX = Planning(numerical_form, is_convex=True)
"""Of a law that is convex in its log inputs and has no form of its own: a plan can find the best sizes by it."""

LOG_CONVEX = Planning(numerical_form, is_convex=True, has_tangents=True)
"""Of a law whose logarithm above the floor is convex in the log inputs: a plan is a convex program."""


def power_sum(law: "Law", theta: np.ndarray, reference: np.ndarray, given: np.ndarray) -> Posynomial:
    """The planning form of a floor plus one falling power of each input: a posynomial.

    A term ``A·x^-a`` is ``exp(log A − a·log x)`` with ``log A = theta_A + a·log reference``.
    """
    at = law.where("coefficient")
    exponents = [law.parameters[position].exponent for position in at]
    inputs = [law.parameters[position].input for position in at]
    exponent = np.zeros((len(theta), len(at), len(law.inputs)))
    exponent[:, np.arange(len(at)), inputs] = -theta[:, exponents]
    return Posynomial(
        offset=law.floor(theta),
        log_coef=theta[:, at] + theta[:, exponents] * np.log(reference[:, inputs]),
        exponent=exponent,
    )


POWER_SUM = Planning(power_sum, is_convex=True, has_tangents=True)
"""Of a law that is a floor plus one falling power of each input."""
