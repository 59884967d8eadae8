"""Which tasks a plan serves: those that it gives a model, and not only money."""

import numpy as np


def is_served(log_inputs: np.ndarray) -> np.ndarray:
    """(…) whether tasks have a model of finite log inputs (…, I); one that is given nothing has ``−inf`` or NaN.

    Its spend is positive as well; but a spend too small for the smallest model serves nobody.
    """
    served: np.ndarray = np.isfinite(log_inputs).all(axis=-1)
    return served
