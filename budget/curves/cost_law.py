"""The cost law: what a run of N parameters and D tokens costs in FLOPs, fitted to the file's own count.

See docs/decisions/033-scipy-in-the-cost-law.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.curves.planning_forms.posynomial import Posynomial
from budget.tables.runs import Runs

MAX_RULE_DEVIATION = 1e-3
"""Largest relative deviation at which ``κ·N·D`` is taken as the file's rule: digits dropped when FLOPs were written."""


@dataclass(frozen=True)
class Cost:
    """``C = Σ_m kappa_m · N^p_m · D^q_m`` FLOPs (M terms), with its error over the runs.

    Attributes:
        kappa: (M,) coefficients, positive.
        params_exponent: (M,) p.
        tokens_exponent: (M,) q, positive.
        rms_error: root mean square of log(fitted / counted) FLOPs.
        max_error: largest absolute value of the same.
        assumed: whether 6·N·D was taken because the file counts no FLOPs.
    """

    kappa: np.ndarray
    params_exponent: np.ndarray
    tokens_exponent: np.ndarray
    rms_error: float
    max_error: float
    assumed: bool = False

    def posynomial(self, models: int) -> Posynomial:
        """The cost over inputs (log N, log D), repeated for a number of models."""
        exponent = np.stack([self.params_exponent, self.tokens_exponent], axis=1)
        return Posynomial(np.zeros(models), np.tile(np.log(self.kappa), (models, 1)), np.tile(exponent, (models, 1, 1)))

    def flops(self, params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """FLOPs of runs, elementwise."""
        log_n, log_d = np.log(params)[..., None], np.log(tokens)[..., None]
        return np.exp(np.log(self.kappa) + self.params_exponent * log_n + self.tokens_exponent * log_d).sum(axis=-1)

    @property
    def formula(self) -> str:
        """The law in words, such as ``6·N·D``."""
        return " + ".join(
            f"{kappa:.4g}·{_power('N', p)}·{_power('D', q)}"
            for kappa, p, q in zip(self.kappa, self.params_exponent, self.tokens_exponent, strict=True)
        )


def fit_cost(runs: Runs) -> Cost | None:
    """Fit the cost law to the distinct trained models of a file.

    Three forms are tried and the simplest adequate one is kept: ``κ·N·D`` where it is exact to 0.1 %; ``κ·N^p·D^q``;
    and ``κ₁·N·D + κ₂·N^p·D^q`` (matrix work plus attention, embedding and head) where that halves the error.

    Returns:
        The law; ``6·N·D`` where the file counts no FLOPs; ``None`` without both params and tokens.
    """
    if not {"params", "tokens", "flops"} <= set(runs.scale):
        return None
    # distinct models: one that was measured on forty tasks must not count forty times
    table = np.unique(np.column_stack([runs.scale[name] for name in ("params", "tokens", "flops")]), axis=0)
    params, tokens, flops = table.T
    if runs.flops_assumed:
        return Cost(np.array([6.0]), np.ones(1), np.ones(1), 0.0, 0.0, assumed=True)
    log_n, log_d, log_c = np.log(table.T)
    ratio = log_c - log_n - log_d
    # the middle of the range makes the largest deviation least, and that is what decides
    middle = (ratio.max() + ratio.min()) / 2
    if np.abs(ratio - middle).max() <= MAX_RULE_DEVIATION:
        return _with_error(np.exp([middle]), np.ones(1), np.ones(1), params, tokens, flops)
    from scipy.optimize import lsq_linear  # most files need none, and it takes long to load

    design = np.column_stack([np.ones_like(log_n), log_n, log_d])
    # a run must cost more with more params and more tokens, or no size would be best
    log_kappa, p, q = lsq_linear(design, log_c, ([-np.inf, 0.1, 0.1], np.inf)).x
    one = _with_error(np.exp([log_kappa]), np.array([p]), np.array([q]), params, tokens, flops)
    # two terms have four numbers: fitted to fewer than twice as many models they halve any error
    if len(table) < 8 or one.rms_error <= MAX_RULE_DEVIATION:
        return one
    two = _fit_two_terms(log_n, log_d, log_c, params, tokens, flops)
    return two if two.rms_error < 0.5 * one.rms_error else one


def _fit_two_terms(
    log_n: np.ndarray,
    log_d: np.ndarray,
    log_c: np.ndarray,
    params: np.ndarray,
    tokens: np.ndarray,
    flops: np.ndarray,
) -> Cost:
    """``κ₁·N·D + κ₂·N^p·D^q``, the best of a few local optima in relative error.

    Args:
        log_n: (M,) log params, as ``log_d`` and ``log_c`` are of tokens and FLOPs.
        log_d: (M,).
        log_c: (M,).
        params: (M,) the same as they are, for the law's error.
        tokens: (M,).
        flops: (M,).
    """
    from scipy.optimize import least_squares

    # centred: a coefficient far from the data would make up for its exponent, and the search would crawl
    mean_n, mean_d = log_n.mean(), log_d.mean()
    n, d = log_n - mean_n, log_d - mean_d
    level = (log_c - n - d).mean()

    def residual(theta: np.ndarray) -> np.ndarray:
        # residuals of log FLOPs, so that small models count as much as large ones
        return np.logaddexp(theta[0] + n + d, theta[1] + theta[2] * n + theta[3] * d) + level - log_c

    bounds = (np.array([-20, -20, -2.0, 0.1]), np.array([5, 5, 2.0, 2.0]))
    # three quarters of the FLOPs in the first term and a quarter in the second; its exponent of params, in which there
    # are several optima, from three sides
    starts = [(-0.3, -1.3, p, 1.0) for p in (-0.5, 0.2, 0.7)]
    best = min(
        (least_squares(residual, start, bounds=bounds, x_scale="jac") for start in starts),
        key=lambda fit: fit.cost,
    )
    first, second, p, q = best.x
    log_kappa = np.array([first + level - mean_n - mean_d, second + level - p * mean_n - q * mean_d])
    return _with_error(np.exp(log_kappa), np.array([1.0, p]), np.array([1.0, q]), params, tokens, flops)


def _with_error(
    kappa: np.ndarray, p: np.ndarray, q: np.ndarray, params: np.ndarray, tokens: np.ndarray, flops: np.ndarray
) -> Cost:
    law = Cost(kappa, p, q, 0.0, 0.0)
    error = np.log(law.flops(params, tokens) / flops)
    return Cost(kappa, p, q, float(np.sqrt(np.mean(error**2))), float(np.abs(error).max()))


def _power(symbol: str, exponent: float) -> str:
    written = f"{exponent:.3g}"
    return symbol if written == "1" else f"{symbol}^{written}"
