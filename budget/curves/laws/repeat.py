"""Data that are repeated, and parameters beyond what they can use, lose value (Muennighoff et al. 2023).

Tokens beyond the unique ones, and parameters beyond what these can use, lose value. The logarithms of effective tokens
and parameters are concave in the logarithms of the real ones, so each term ``exp(log A − alpha·log N_eff)`` is convex,
and a tangent of its logarithm makes it a posynomial that lies below: that is how a plan reads the law.

See docs/decisions/047-repeated-data-by-tangents.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.laws.convexity import Planning
from budget.curves.laws.law import Law, Parameter, Published
from budget.curves.laws.parts import crossed, falling_power, floor
from budget.curves.planning_forms.posynomial import Posynomial

MOST_EXCESS = 12.0
"""Largest logarithm of parameters over what the unique data can use: beyond it more parameters change nothing."""


def _basis(theta: Any, z: Any, xp: ModuleType) -> Sequence[Any]:
    """Effective parameters and data: what goes beyond one epoch (or beyond what the data can use) loses value."""
    a, alpha, b, beta, log_rd, log_rn = (theta[..., i] for i in range(1, 7))
    params, tokens = z[..., 0], z[..., 1]
    unique = xp.minimum(z[..., 2], tokens)
    epochs = xp.exp(xp.minimum(tokens - unique, 46.0))
    data = unique + _saturated(epochs - 1, xp.exp(log_rd), xp)
    balance = (xp.log(alpha) + a - xp.log(beta) - b) / (alpha + beta)
    usable = beta / alpha * (unique + balance) + balance
    excess = xp.exp(xp.clip(params - usable, 0.0, MOST_EXCESS)) - 1
    size = xp.minimum(params, usable) + _saturated(excess, xp.exp(log_rn), xp)
    return 0.0, -alpha * size, -beta * data


def _saturated(repeats: Any, limit: Any, xp: ModuleType) -> Any:
    """``log(1 + R(1 − exp(−repeats/R)))`` with the limit R."""
    return xp.log1p(-limit * xp.expm1(-repeats / limit))


MOST_EPOCHS = 46.0
"""Largest logarithm of the number of epochs: beyond it nothing changes."""

FAR = 500.0
"""Log input beyond which nothing changes any more."""


@dataclass(frozen=True)
class Repeated:
    """V functions ``offset + Σ_g (A_g/N_eff^alpha_g + B_g/D_eff^beta_g)`` of log params and log tokens.

    Attributes:
        offset: (V,).
        log_a: (V, G) logarithm of A at the reference scale, likewise below.
        alpha: (V, G).
        log_b: (V, G).
        beta: (V, G).
        limit_d: (V, G) repeats that data are worth at most.
        limit_n: (V, G) excess parameters likewise.
        balance: (V, G) log inputs at which parameters and data are balanced.
        unique: (V, G) log of the unique tokens over the reference.
        reference: (V, G, 2) logs of the reference params and tokens.
        size: (V,) log params where the plan does not choose them.
    """

    offset: np.ndarray
    log_a: np.ndarray
    alpha: np.ndarray
    log_b: np.ndarray
    beta: np.ndarray
    limit_d: np.ndarray
    limit_n: np.ndarray
    balance: np.ndarray
    unique: np.ndarray
    reference: np.ndarray
    size: np.ndarray | None = None

    def __len__(self) -> int:
        """The number V of functions."""
        return len(self.offset)

    @property
    def inputs(self) -> int:
        """The number I of log inputs."""
        return 2 if self.size is None else 1

    @property
    def is_convex(self) -> bool:
        """The logarithm of each term is convex, since those of the effective inputs are concave."""
        return True

    @property
    def is_smooth(self) -> bool:
        """The slope jumps where repeating begins."""
        return False

    @property
    def domain(self) -> None:
        """The law holds everywhere."""
        return None

    @property
    def least(self) -> np.ndarray:
        """(V,) what no spend goes below: more repeats, and more parameters for the same data, end up worth nothing."""
        return self.value(np.full((len(self), self.inputs), FAR))

    @property
    def summed(self) -> "Repeated":
        """One function of the same inputs: the sum of all V."""
        flat = {each.name: getattr(self, each.name) for each in fields(self)}
        merged = {name: values.reshape(1, -1, *values.shape[2:]) for name, values in flat.items() if name in _TERMS}
        size = None if self.size is None else self.size[:1]
        return replace(self, offset=self.offset.sum(keepdims=True), size=size, **merged)

    def scaled(self, factor: np.ndarray, shift: np.ndarray) -> "Repeated":
        """The functions times positive factors (V,), plus shifts (V,)."""
        more = np.log(factor)[:, None]
        return replace(self, offset=factor * self.offset + shift, log_a=self.log_a + more, log_b=self.log_b + more)

    def take(self, pick: np.ndarray) -> "Repeated":
        """The functions at the positions ``pick``, repeats allowed."""
        size = None if self.size is None else self.size[pick]
        return replace(self, size=size, **{name: getattr(self, name)[pick] for name in ("offset", *_TERMS)})

    def fix_input(self, which: int, u: np.ndarray) -> "Repeated":
        """The same functions with the params (input 0) held at log values ``u`` (V,)."""
        assert which == 0, "only the size of a model can be held"
        return replace(self, size=u)

    def terms(self, u: np.ndarray) -> np.ndarray:
        """Each term's value at log inputs ``u`` (V, I): shape (V, 2·G)."""
        return np.exp(self._logs(u)[0])

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each function's value at log inputs ``u`` (V, I): shape (V,)."""
        return self.offset + self.terms(u).sum(axis=1)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Derivative of each function in its log inputs at ``u`` (V, I): shape (V, I)."""
        logs, slopes = self._logs(u)
        return np.einsum("vk,vki->vi", np.exp(logs), slopes)

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Second derivatives of each function in its log inputs at ``u`` (V, I): (V, I, I); at a kink, of its right."""
        return self.expansion(u)[2]

    def expansion(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sum of the terms (V,), its gradient (V, I) and its Hessian (V, I, I) at log inputs ``u`` (V, I)."""
        logs, slopes = self._logs(u)
        terms, bend = np.exp(logs), slopes[:, :, :, None] * slopes[:, :, None, :] + self._bends(u)
        return terms.sum(axis=1), np.einsum("vk,vki->vi", terms, slopes), np.einsum("vk,vkij->vij", terms, bend)

    def tangent(self, u: np.ndarray) -> Posynomial:
        """A posynomial below the functions that touches them, with its slope, at log inputs ``u`` (V, I)."""
        logs, slopes = self._logs(u)
        return Posynomial(self.offset, logs - np.einsum("vki,vi->vk", slopes, u), slopes)

    def _bends(self, u: np.ndarray) -> np.ndarray:
        """Second derivatives (V, 2·G, I, I) of the terms' logarithms at log inputs ``u`` (V, I).

        Effective data bend by the second derivative of what repeats are worth, effective parameters by that of what an
        excess is worth, along the direction in which the excess grows.
        """
        both = u if self.size is None else np.column_stack([self.size, u])
        params = both[:, None, 0] - self.reference[:, :, 0]
        tokens = both[:, None, 1] - self.reference[:, :, 1]
        ratio, fresh = self.beta / self.alpha, tokens < self.unique
        usable = ratio * (np.minimum(self.unique, tokens) + self.balance) + self.balance
        excess, repeats = params - usable, tokens - self.unique
        of_size = np.where((excess > 0) & (excess < MOST_EXCESS), _saturated_bend(excess, self.limit_n), 0.0)
        of_data = np.where((repeats > 0) & (repeats < MOST_EPOCHS), _saturated_bend(repeats, self.limit_d), 0.0)
        grows = np.stack([np.ones_like(tokens), -ratio * fresh], axis=2)
        alone = np.stack([np.zeros_like(tokens), np.ones_like(tokens)], axis=2)
        bends = np.stack(
            [
                (-self.alpha * of_size)[:, :, None, None] * grows[:, :, :, None] * grows[:, :, None, :],
                (-self.beta * of_data)[:, :, None, None] * alone[:, :, :, None] * alone[:, :, None, :],
            ],
            axis=2,
        ).reshape(len(u), -1, 2, 2)
        return bends if self.size is None else bends[:, :, 1:, 1:]

    def _logs(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms (V, 2·G) of the terms and their slopes (V, 2·G, I): the effective inputs of ``laws``."""
        both = u if self.size is None else np.column_stack([self.size, u])
        params = both[:, None, 0] - self.reference[:, :, 0]
        tokens = both[:, None, 1] - self.reference[:, :, 1]
        repeats = np.expm1(np.clip(tokens - self.unique, 0.0, MOST_EPOCHS))
        worth, of_tokens = _saturated_slope(repeats, self.limit_d)
        unique = np.minimum(self.unique, tokens)
        ratio = self.beta / self.alpha
        usable = ratio * (unique + self.balance) + self.balance
        excess = np.expm1(np.clip(params - usable, 0.0, MOST_EXCESS))
        size, of_params = _saturated_slope(excess, self.limit_n)
        of_params = np.where(params - usable < MOST_EXCESS, of_params, 0.0)
        log_a = self.log_a - self.alpha * (np.minimum(params, usable) + size)
        log_b = self.log_b - self.beta * (unique + worth)
        # more tokens let more parameters be used, as long as none is repeated
        cross = -self.alpha * (1 - of_params) * ratio * (tokens < self.unique)
        slopes = np.stack(
            [
                np.stack([-self.alpha * of_params, cross], axis=2),
                np.stack([np.zeros_like(tokens), -self.beta * of_tokens], axis=2),
            ],
            axis=2,
        ).reshape(len(u), -1, 2)
        logs = np.stack([log_a, log_b], axis=2).reshape(len(u), -1)
        return logs, slopes if self.size is None else slopes[:, :, 1:]


_TERMS = ("log_a", "alpha", "log_b", "beta", "limit_d", "limit_n", "balance", "unique", "reference")
"""The arrays whose second axis is the term."""


def _saturated_slope(repeats: np.ndarray, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``log(1 + R(1 − exp(−repeats/R)))`` and its derivative in ``log(1 + repeats)``."""
    left = np.exp(-repeats / limit)
    total = 1 - limit * np.expm1(-repeats / limit)
    return np.log(total), left * (1 + repeats) / total


def _saturated_bend(log_repeats: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Second derivative of ``log(1 + R(1 − exp(−repeats/R)))`` in ``log(1 + repeats)``, given by that logarithm.

    With the slope g = exp(−r/R)·(1 + r)/total it is g·(1 − (1 + r)/R − g).
    """
    repeats = np.expm1(np.clip(log_repeats, 0.0, MOST_EPOCHS))
    slope = _saturated_slope(repeats, limit)[1]
    return slope * (1 - (1 + repeats) / limit - slope)


def repeated_of(theta: np.ndarray, reference: np.ndarray, unique_tokens: np.ndarray) -> Repeated:
    """The curves of law ``repeat`` as functions of params and tokens.

    Args:
        theta: (T, 7) working parameters of the law.
        reference: (T, 3) params, tokens and unique tokens at which they are stated.
        unique_tokens: (T,) what each task has.
    """
    floor, log_a, alpha, log_b, beta, log_rd, log_rn = theta.T
    balance = (np.log(alpha) + log_a - np.log(beta) - log_b) / (alpha + beta)
    one = {
        "log_a": log_a,
        "alpha": alpha,
        "log_b": log_b,
        "beta": beta,
        "limit_d": np.exp(log_rd),
        "limit_n": np.exp(log_rn),
        "balance": balance,
        "unique": np.log(unique_tokens / reference[:, 2]),
    }
    return Repeated(
        offset=floor.copy(),
        reference=np.log(reference[:, None, :2]),
        **{name: values[:, None] for name, values in one.items()},
    )


def _planning_form(law: Law, theta: np.ndarray, reference: np.ndarray, given: np.ndarray) -> Repeated:
    return repeated_of(theta, reference, given[:, 0])


def _example(task: int) -> dict[str, np.ndarray]:
    inputs = crossed(
        params=np.geomspace(1e7, 3e10, 5), unique_tokens=np.geomspace(3e8, 3e10, 3), epochs=[1, 2, 6, 20, 60]
    )
    tokens = inputs["unique_tokens"] * inputs["epochs"]
    return {"params": inputs["params"], "tokens": tokens, "unique_tokens": inputs["unique_tokens"]}


SLOPES = (0.1, 0.2, 0.35, 0.6, 1.0)
"""Where starts are laid along an exponent."""

PUBLISHED = Published(
    name="muennighoff2023",
    constants={
        "E": 1.86914, "A": 520.825, "alpha": 0.3526596, "B": 1487.716, "beta": 0.3526596,
        "R_D": 15.387756, "R_N": 5.309743,
    },
    unit="nats a token of C4",
    source="Muennighoff et al. 2023, arXiv 2305.16264, and its code",
    measured={"params": (7e6, 9e9), "tokens": (1e8, 9e11), "unique_tokens": (1e8, 1.8e11)},
)  # fmt: skip

LAW = Law(
    name="repeat",
    formula="E + A/N_eff^alpha + B/D_eff^beta",
    summary="chinchilla with repeated data",
    reference="Muennighoff et al. 2023, arXiv 2305.16264",
    inputs=("params", "tokens", "unique_tokens"),
    parameters=(
        floor(),
        *falling_power("A", "alpha", 2, grid=SLOPES),
        *falling_power("B", "beta", 4, input=1, grid=SLOPES),
        Parameter(
            "R_D", "log", np.log(0.1), np.log(1e3), grid=(np.log(3.0), np.log(20.0)), typical=(np.log(5), np.log(25))
        ),
        Parameter(
            "R_N", "log", np.log(0.1), np.log(1e3), grid=(np.log(3.0), np.log(30.0)), typical=(np.log(3), np.log(10))
        ),
    ),
    basis=_basis,
    example=_example,
    planning=Planning(_planning_form, is_convex=True, has_tangents=True),
    published=(PUBLISHED,),
)
