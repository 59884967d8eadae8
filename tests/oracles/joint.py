"""The joint fit of ``E_i + A_i·K^phi/N^alpha_i + B_i·K^psi/D^beta_i`` as one stacked problem, by SciPy."""

import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3


def best_loss(tasks, start, steps=3):
    """The lowest Huber objective from a start.

    Args:
        tasks: for each task (z (R, 3) of log inputs, value (R,)).
        start: (T, 7) parameters ``E, a, alpha, b, beta, phi, psi``, the last two the same in each row.
        steps: restarts of L-BFGS-B, which stops early where the loss has corners.
    """
    count = len(tasks)

    def objective(vector):
        own, (phi, psi) = vector[:-2].reshape(count, 5), vector[-2:]
        total, gradient = 0.0, np.zeros_like(vector)
        for task, (z, value) in enumerate(tasks):
            floor, a, alpha, b, beta = own[task]
            first = np.exp(a + phi * z[:, 2] - alpha * z[:, 0])
            second = np.exp(b + psi * z[:, 2] - beta * z[:, 1])
            curve = floor + first + second
            r = np.log(value) - np.log(curve)
            size = np.minimum(np.abs(r), DELTA)
            total += (size * (np.abs(r) - size / 2)).sum()
            pull = -np.sign(r) * size / curve
            slopes = [np.ones_like(r), first, -first * z[:, 0], second, -second * z[:, 1]]
            gradient[5 * task : 5 * task + 5] = slopes @ pull
            gradient[-2:] += np.array([first * z[:, 2], second * z[:, 2]]) @ pull
        return 1e4 * total, 1e4 * gradient

    vector = np.concatenate([start[:, :5].ravel(), start[0, 5:]])
    top = [value.max() for _, value in tasks]
    bounds = [(low, high) for most in top for low, high in
              ((0, most), (-23, 12), (0.005, 3), (-23, 12), (0.005, 3))] + [(-1.5, 1.5)] * 2  # fmt: skip
    for _ in range(steps):
        found = minimize(objective, vector, jac=True, method="L-BFGS-B", bounds=bounds,
                         options={"maxiter": 3000, "maxfun": 6000, "ftol": 1e-15, "gtol": 1e-11})  # fmt: skip
        vector = found.x
    return found.fun / 1e4
