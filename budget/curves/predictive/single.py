"""Exponentials, logarithms and normal numbers in single precision, as processors like them.

XLA's own take two to three times as long on processors: they guard every special value, and its sines are not computed
many at once. These are for ordinary numbers, as exact as single precision is, by polynomials of least largest error.

See docs/decisions/172-the-sampler-in-vectors.md.
"""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

FLOAT, INTEGER = jnp.float32, jnp.int32

MANTISSA = 23
"""Bits of a number after its exponent's."""

BIAS = 127
"""The exponent's bits of numbers from one to two."""

ROOT_HALF = 0x3F3504F3
"""The bits of the root of one half, from which mantissas go on to its double."""

ROUNDER = float(1.5 * 2**MANTISSA)
"""A number so large that one and a fraction added to it is rounded to whole ones."""

LN_2 = (0.693359375, -2.12194440e-4)
"""The logarithm of two in two parts, of which few bits of the first make its products exact (Cody & Waite 1980)."""

LEAST_EXPONENT, MOST_EXPONENT = -87.0, 88.0
"""Beyond these an exponential is no ordinary number."""

EXP = (1.00000007, 0.999999692, 0.499988949, 0.166675747, 0.041915382, 0.00829765496)
"""e^f within half the logarithm of two of 0, to 7e-8 of itself."""

LOG = (-0.500005844, 0.333352614, -0.249614652, 0.198882775, -0.173259948, 0.163356411, -0.100346133)
"""(ln(1 + f) − f)/f² for 1 + f from the root of one half to its double; the logarithm is right to 4e-8."""

SINE = (3.14159258, -5.16770688, 2.55003138, -0.598045174, 0.077220129)
"""sin(πv)/v of v², for v within one half of 0."""

COSINE = (0.999999953, -4.93479286, 4.05841191, -1.33188016, 0.219696799)
"""cos(πv) of v², the same."""


def exp(x: Any) -> Any:
    """The exponential in single precision; of numbers that are too small or too large that of the nearest in range."""
    x = jnp.clip(x, FLOAT(LEAST_EXPONENT), FLOAT(MOST_EXPONENT))
    # the nearest whole number is read off the bits of a sum: a conversion would be guarded against all that has none
    rounded = _bits(x * FLOAT(1 / np.log(2)) + FLOAT(ROUNDER)) - INTEGER(np.float32(ROUNDER).view(np.int32))
    whole = rounded.astype(FLOAT)
    fraction = x - whole * FLOAT(LN_2[0]) - whole * FLOAT(LN_2[1])
    return _polynomial(EXP, fraction) * _number((rounded + INTEGER(BIAS)) << INTEGER(MANTISSA))


def log(x: Any) -> Any:
    """The natural logarithm of ordinary positive numbers in single precision."""
    bits = _bits(x)
    exponent = (bits - INTEGER(ROOT_HALF)) >> INTEGER(MANTISSA)
    f = _number(bits - (exponent << INTEGER(MANTISSA))) - FLOAT(1)
    return exponent.astype(FLOAT) * FLOAT(np.log(2)) + (f + f * f * _polynomial(LOG, f))


def normals(first: Any, second: Any) -> tuple[Any, Any]:
    """Two standard normal numbers each of two whole ones of 31 random bits (Box & Muller 1958)."""
    radius = jnp.sqrt(FLOAT(-2) * log(uniform(first)))
    # by half the angle, which lies within a right one of 0
    v = (second - INTEGER(2**30)).astype(FLOAT) * FLOAT(2.0**-31)
    sine, cosine = v * _polynomial(SINE, v * v), _polynomial(COSINE, v * v)
    return radius * (FLOAT(2) * sine * sine - FLOAT(1)), radius * (FLOAT(-2) * sine * cosine)


def uniform(whole: Any) -> Any:
    """A number between 0 and 1 of a whole one of 31 random bits; the largest are rounded to 1."""
    return (whole.astype(FLOAT) + FLOAT(0.5)) * FLOAT(2.0**-31)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    total = FLOAT(coefficients[-1])
    for each in coefficients[-2::-1]:
        total = total * x + FLOAT(each)
    return total


def _bits(x: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, INTEGER)


def _number(bits: Any) -> Any:
    return jax.lax.bitcast_convert_type(bits, FLOAT)


SINGLE = SimpleNamespace(exp=exp, log=log, abs=jnp.abs, maximum=jnp.maximum, minimum=jnp.minimum)
"""What a law reads of ``numpy``, in single precision."""
