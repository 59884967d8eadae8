"""What a planner needs of a curve, whatever its law: a function of the log inputs that the plan chooses."""

from typing import Protocol, runtime_checkable

import numpy as np

from budget.curves.planning_forms.posynomial import Posynomial


@runtime_checkable
class PlanningForm(Protocol):
    """V functions of I log inputs ``u`` (params and tokens, or one scale), the distance of a value to its best.

    A new form is a dataclass with these methods and nothing else. Its fields are arrays whose first axis is the
    function, or other forms, so that the functions of several scenarios can be joined; what is neither is the same for
    all.
    """

    def __len__(self) -> int:
        """The number V of functions."""
        ...

    @property
    def inputs(self) -> int:
        """The number I of log inputs."""
        ...

    @property
    def offset(self) -> np.ndarray:
        """(V,) the part that no log input changes; what lies above it is counted apart, so that nothing cancels."""
        ...

    @property
    def least(self) -> np.ndarray:
        """(V,) what no spend goes below."""
        ...

    @property
    def is_convex(self) -> bool:
        """Whether every function is known to fall in each log input and to be convex in all of them."""
        ...

    @property
    def is_smooth(self) -> bool:
        """Whether it is convex without kinks, so that Newton's method finds its best size from anywhere near."""
        ...

    @property
    def domain(self) -> np.ndarray | None:
        """(V, I) the least log inputs for which the functions hold, ``None`` where they hold everywhere."""
        ...

    @property
    def summed(self) -> "PlanningForm":
        """One function of the same inputs: the sum of all V, for one model that serves all."""
        ...

    def terms(self, u: np.ndarray) -> np.ndarray:
        """The positive parts above the offset at log inputs ``u`` (V, I): shape (V, K), their number K free."""
        ...

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each function's value at log inputs ``u`` (V, I): shape (V,)."""
        ...

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Its derivative in the log inputs at ``u`` (V, I): shape (V, I)."""
        ...

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Its second derivatives in the log inputs at ``u`` (V, I): shape (V, I, I)."""
        ...

    def expansion(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What lies above the offset (V,), the gradient (V, I) and the Hessian (V, I, I) at log inputs ``u`` (V, I)."""
        ...

    def tangent(self, u: np.ndarray) -> Posynomial:
        """A posynomial that touches each function, with its slope, at log inputs ``u`` (V, I), and lies below it.

        It does lie below where the law's ``Planning`` says ``has_tangents``.
        """
        ...

    def scaled(self, factor: np.ndarray, shift: np.ndarray) -> "PlanningForm":
        """The functions times positive factors (V,), plus shifts (V,)."""
        ...

    def take(self, pick: np.ndarray) -> "PlanningForm":
        """The functions at the positions ``pick``, repeats allowed."""
        ...

    def fix_input(self, which: int, u: np.ndarray) -> "PlanningForm":
        """The same functions with input ``which`` held at log values ``u`` (V,); one input fewer."""
        ...
