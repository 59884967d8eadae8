"""The link from a task's loss to its score: an anchored sigmoid, as plain NumPy. Loads no JAX.

``score(L) = best − (best − chance)·g(L)``, where ``g = u(L)/(u(L) + u(midpoint))`` and ``u(L) = exp(slope·L) − 1``. So
a loss of 0 is the best score, exactly; the midpoint is half way from chance to best; a large loss is chance. It is the
logistic sigmoid of Bhagia et al. 2024 (arXiv 2412.04403), shifted and scaled until it passes through the anchor,
``(σ(k(L − L0)) − σ(−k·L0))/(1 − σ(−k·L0))`` with ``exp(k·midpoint) = 2 + exp(k·L0)``, in a form that neither overflows
nor cancels and takes any positive slope and midpoint: as the slope goes to 0 it becomes ``L/(L + midpoint)``.

See docs/decisions/010-link-through-loss-0.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.law import Law, Parameter
from budget.numerics.interval import interval
from budget.tables.checks.status import LINK_STATUS

PARAMETERS = ("slope", "midpoint", "chance", "best")
"""What a link consists of, in the file's units: 1/loss, loss, score, score."""


def log_share(log_slope: Any, log_midpoint: Any, log_loss: Any, xp: ModuleType = np) -> Any:
    """Logarithm of ``g``, the share of the way from best to chance: ``log σ(ψ(loss) − ψ(midpoint))``, elementwise.

    ``ψ(L) = log(exp(slope·L) − 1)`` is taken as ``x + log(1 − exp(−x))``, ``x = slope·L``, which neither overflows nor
    loses small losses.
    """
    odds = _log_expm1(log_slope + log_midpoint, xp) - _log_expm1(log_slope + log_loss, xp)
    return -xp.logaddexp(0.0, odds)


def _log_expm1(log_x: Any, xp: ModuleType) -> Any:
    x = xp.exp(log_x)
    return x + xp.log(-xp.expm1(-x))


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    return (log_share(theta[..., 1], theta[..., 2], z[..., 0], xp),)


LINK = Law(
    name="link",
    formula="best − (best − chance)·u(L)/(u(L) + u(midpoint)), u(L) = exp(slope·L) − 1",
    reference="Bhagia et al. 2024, arXiv 2412.04403, anchored at loss 0",
    inputs=("loss",),
    parameters=(
        Parameter("chance", "ceiling"),
        Parameter("slope", "log", np.log(1e-2), np.log(1e3), grid=tuple(np.log([1.0, 4.0, 10.0, 25.0, 60.0]))),
        Parameter("midpoint", "place", np.log(1e-2), np.log(1e2), grid=(-3.0, -1.0, -0.3, 0.3, 0.7, 1.3, 2.5)),
    ),
    basis=_basis,
    starts=12,
)
"""The link as a law, for the fit: the score's distance to best against the loss; slope and loss over a reference."""


@dataclass(frozen=True)
class Link:
    """Links of T tasks with B draws that are joint with the curves': draw b of both is one scenario.

    Attributes:
        metric: the score's name.
        higher_is_better: (T,) direction of the score.
        status: (T,) codes of ``LINK_STATUS``.
        message: (T,) one sentence each, "" where there is nothing to say.
        parameters: (T, 4) slope, midpoint, chance and best of the point fit, in the file's units; NaN without one.
        draws: (B, T, 4) the same for each draw.
        noise: (B, T) what is added to the score of a new run in each draw, in the score's unit.
        stated: (T,) whether the level of chance was stated and not fitted.
        pairs: (T,) rows of loss and score that were joined.
        error: (T,) root mean square of score residuals, in the score's unit.
        agreement: (T,) share of the starts that ended within 1e-6 of the best objective.
        gradient: (T,) what is left of the gradient at the optimum (``diagnosis.Convergence``).
        estimator: the loss that was minimized, in words.
    """

    metric: str
    higher_is_better: np.ndarray
    status: tuple[str, ...]
    message: tuple[str, ...]
    parameters: np.ndarray
    draws: np.ndarray
    noise: np.ndarray
    stated: np.ndarray
    pairs: np.ndarray
    error: np.ndarray
    agreement: np.ndarray
    gradient: np.ndarray
    estimator: str

    @property
    def used(self) -> np.ndarray:
        """(T,) whether the task's score is predicted."""
        return np.array([LINK_STATUS[code].used for code in self.status], dtype=bool)

    @property
    def best(self) -> np.ndarray:
        """(T,) the best score there is, NaN without a link."""
        return self.parameters[:, PARAMETERS.index("best")]

    def take(self, pick: np.ndarray) -> "Link":
        """The tasks at the positions ``pick``."""
        arrays = ("higher_is_better", "parameters", "stated", "pairs", "error", "agreement", "gradient")
        chosen: dict[str, Any] = {name: getattr(self, name)[pick] for name in arrays}
        for name in ("status", "message"):
            chosen[name] = tuple(getattr(self, name)[i] for i in pick)
        return replace(self, draws=self.draws[:, pick], noise=self.noise[:, pick], **chosen)

    def value(self, task: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """The score of the point fit, in the file's unit.

        Args:
            task: (R,) task positions.
            loss: (..., R) losses, at least 0; infinity is chance.

        Returns:
            Array like ``loss``; NaN for a task without a link that can be used.
        """
        return score(self._known(self.parameters)[task], loss)

    def value_draws(self, task: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """The same under every draw, each with its own losses: (B, …, R) in and out."""
        draw = (slice(None), *[None] * (loss.ndim - 2))
        return score(self._known(self.draws)[:, task][draw], loss)

    def left_out(self, tasks: Sequence[str]) -> tuple[str, ...]:
        """A sentence for each of the named tasks whose score is not predicted."""
        return tuple(
            f"Task '{name}' has no predicted {self.metric} ({code}): {text}; {LINK_STATUS[code].advice}."
            for name, code, text in zip(tasks, self.status, self.message, strict=True)
            if not LINK_STATUS[code].used
        )

    def columns(self) -> dict[str, Any]:
        """Columns of the fit's table: parameters in the file's units with intervals, error and status."""
        result: dict[str, Any] = {"score": [self.metric] * len(self.status)}
        for position, name in enumerate(PARAMETERS):
            result[name] = self.parameters[:, position]
            if name != "best" and len(self.draws):
                result[f"{name}_low"], result[f"{name}_high"] = interval(self.draws[:, :, position])
        result["chance_stated"] = self.stated
        result |= {f"link_{name}": getattr(self, name) for name in ("pairs", "error", "agreement", "gradient")}
        return result | {"link_status": self.status, "link_message": self.message}

    def _known(self, parameters: np.ndarray) -> np.ndarray:
        return np.where(self.used[:, None], parameters, np.nan)


def score(parameters: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """The score at a loss.

    Args:
        parameters: (..., 4) slope, midpoint, chance, best.
        loss: (...) losses, at least 0.
    """
    slope, midpoint, chance, best = np.moveaxis(parameters, -1, 0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        share = np.exp(log_share(np.log(slope), np.log(midpoint), np.log(loss)))
    return best - (best - chance) * share
