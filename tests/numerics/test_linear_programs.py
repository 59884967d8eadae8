"""Programs solved by HiGHS against SciPy's own way to it, and against trying every whole point."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from budget.numerics.linear_programs import LinearProgram, solve_program
from tests import ROOT


def drawn(seed: int, columns: int, rows: int, whole: bool) -> LinearProgram:
    random = np.random.default_rng(seed)
    matrix = random.integers(-5, 6, (rows, columns)).astype(float)
    lower, upper = np.zeros(columns), random.integers(1, 4, columns).astype(float)
    kinds = random.random(columns) < 0.5 if whole else np.zeros(columns, dtype=bool)
    right = random.integers(-4, 9, rows).astype(float)
    return LinearProgram(
        random.normal(size=columns), lower, upper, kinds, sparse.csr_matrix(matrix), np.full(rows, -np.inf), right
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_programs_agree_with_scipy(seed, columns, rows, whole):
    program = drawn(seed, columns, rows, whole)
    found = solve_program(program, options={"mip_rel_gap": 0.0})
    other = milp(
        program.cost,
        integrality=program.whole.astype(int),
        bounds=Bounds(program.lower, program.upper),
        constraints=LinearConstraint(program.matrix.toarray(), program.row_lower, program.row_upper),
    )
    assert found.ended
    if other.x is None:
        assert found.status == "infeasible" and found.x is None and found.bound == np.inf
        return
    assert found.status == "optimal"
    np.testing.assert_allclose(program.cost @ found.x, other.fun, rtol=1e-9, atol=1e-9)
    assert (program.matrix @ found.x <= program.row_upper + 1e-6).all()
    np.testing.assert_allclose(found.bound, other.fun, rtol=1e-9, atol=1e-9)


def test_nothing_is_known_of_a_program_without_an_end():
    """More of the second column always pays, and nothing holds it."""
    program = replace(drawn(3, 2, 1, whole=False), cost=np.array([1.0, -1.0]), upper=np.full(2, np.inf))
    program = replace(program, matrix=sparse.csr_matrix([[1.0, -1.0]]), row_upper=np.array([4.0]))
    for whole in (np.zeros(2, dtype=bool), np.ones(2, dtype=bool)):
        found = solve_program(replace(program, whole=whole), options={})
        assert not found.ended and found.bound == -np.inf


def test_whole_numbers_match_trying_them_all():
    program = drawn(7, 5, 3, whole=False)
    program = replace(program, whole=np.ones(5, dtype=bool))
    points = np.stack(np.meshgrid(*[np.arange(most + 1) for most in program.upper]), axis=-1).reshape(-1, 5)
    allowed = points[(points @ program.matrix.toarray().T <= program.row_upper).all(axis=1)]
    found = solve_program(program, options={"mip_rel_gap": 0.0}, start=allowed[0])
    np.testing.assert_allclose(program.cost @ found.x, (allowed @ program.cost).min(), rtol=1e-9)
    assert found.bound <= program.cost @ found.x + 1e-9


def test_the_solution_has_the_objective_that_is_proven_of_it():
    """Columns 0 and 2 serve one task, 1, 3 and 4 another; rows hold a conditional value at risk at -.75.

    The second column of the other task is free for the first: presolve moves the start there and proves it.
    """
    task = np.array([[1, 0, 1, 0, 0, 0, 0, 0], [0, 1, 0, 1, 1, 0, 0, 0]], dtype=float)
    met = -0.25 * np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]])
    excess = np.array([[-1, 0, -1], [0, -1, -1], [0, 0, -1]])
    risk = np.array([[0, 0, 0, 0, 0, 2 / 3, 2 / 3, 1]])
    program = LinearProgram(
        cost=np.array([1, 0, 0.5, 0, 0, 0, 0, 0]),
        lower=np.append(np.zeros(7), -np.inf),
        upper=np.append(np.ones(5), np.full(3, np.inf)),
        whole=np.arange(8) < 5,
        matrix=sparse.csr_matrix(np.vstack([task, np.hstack([met, excess]), risk])),
        row_lower=np.append(np.ones(2), np.full(4, -np.inf)),
        row_upper=np.array([1, 1, 0.25, 0.5, 0.5, -0.75 + 1e-9]),
    )
    for start in (None, np.array([1.0, 1, 0, 0, 0]), np.array([1.0, 1, 0, 0, 0, 0, 0, -0.75])):
        found = solve_program(program, options={"mip_rel_gap": 0.0}, start=start)
        assert found.status == "optimal" and found.bound == 0.5
        assert program.cost @ found.x == 0.5


def test_a_program_whose_parts_do_not_fit_is_refused():
    program = drawn(1, 2, 1, whole=False)
    assert solve_program(replace(program, lower=np.array([2.0, np.inf])), options={}).status == "refused"


def test_a_limit_that_stops_the_search_is_said():
    random = np.random.default_rng(0)
    count = 60
    weight = random.integers(10**5, 10**6, count).astype(float)
    program = LinearProgram(
        -weight,
        np.zeros(count),
        np.ones(count),
        np.ones(count, dtype=bool),
        sparse.csr_matrix(weight[None]),
        np.array([-np.inf]),
        np.array([weight.sum() / 2 + 0.5]),
    )
    found = solve_program(program, options={"time_limit": 0.0, "mip_rel_gap": 0.0})
    assert found.status == "stopped" and not found.ended


def test_highs_says_nothing_and_is_loaded_late():
    code = (
        "import sys, budget.numerics.linear_programs as lp, numpy as np; from scipy import sparse;"
        "assert 'highspy' not in sys.modules;"
        "one = np.ones(1); row = sparse.csr_matrix(one[None]);"
        "lp.solve_program(lp.LinearProgram(one, 0 * one, one, one < 0, row, 0 * one, one), options={})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stdout == ""
