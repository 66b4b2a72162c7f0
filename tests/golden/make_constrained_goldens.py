"""Makes constrained.json: min penalty s.t. loss <= e and min loss s.t. penalty <= t by a conic solver (CVXPY, Clarabel), with the
multipliers of the bounds and the coefficients.

    python make_constrained_goldens.py
"""
import json
from pathlib import Path

import cvxpy as cp
import numpy as np

rng = np.random.default_rng(20)
n, p, q = 40, 20, 3
x = np.round(rng.standard_normal((n, p)) + rng.standard_normal(p), 4)
w = np.zeros((p, q))
w[[0, 1, 2, 3, 8, 9, 17]] = rng.standard_normal((7, q))
y = np.round(x @ w + 1.5 * rng.standard_normal((n, q)) + 1.0, 4)
y -= np.round(y.mean(0), 4)
labels = (y[:, 0] > 0).astype(float)

W1, b1 = cp.Variable(p), cp.Variable()
Wq, bq = cp.Variable((p, q)), cp.Variable(q)
V = cp.Variable(p)
eta = x @ W1 + b1
models = {
    # loss, penalty, coefficients, constraints
    "group": (cp.sum_squares(y[:, 0] - eta) / (2 * n), 2 * sum(cp.norm(W1[4 * g:4 * g + 4]) for g in range(5)), W1, []),
    "rows": (cp.sum_squares(y - x @ Wq - np.ones((n, 1)) @ cp.reshape(bq, (1, q), order="C")) / (2 * n),
             sum(cp.norm(Wq[j]) for j in range(p)), Wq, []),
    "logistic": (cp.sum(cp.logistic(eta) - cp.multiply(labels, eta)) / n, cp.norm1(W1), W1, []),
    "nonnegative": (cp.sum_squares(y[:, 0] - x @ V) / (2 * n), cp.sum(V), V, [V >= 0]),
}
cases = {}
for model, (loss, penalty, coefficients, extra) in models.items():
    null = cp.Problem(cp.Minimize(loss), [coefficients == 0]).solve(solver="CLARABEL")
    least = cp.Problem(cp.Minimize(loss), extra).solve(solver="CLARABEL")
    if model == "logistic":
        least = 0.1 * null
    for share in (0.7, 0.2):
        bound = round(least + share * (null - least), 4)
        kinds = [("loss", 1.0)] + ([] if model == "logistic" else [("residual", 2.0 * n)])
        spent = None
        for kind, unit in kinds:
            limit = unit * loss <= unit * bound
            problem = cp.Problem(cp.Minimize(penalty), [limit, *extra])
            problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
            spent = problem.value
            cases[f"{model} {kind} {share}"] = dict(
                model=model, kind=kind, bound=unit * bound, value=problem.value, multiplier=float(limit.dual_value),
                w=np.reshape(coefficients.value, (p, -1)).tolist())
        limit = penalty <= round(0.9 * spent, 4)
        problem = cp.Problem(cp.Minimize(loss), [limit, *extra])
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
        cases[f"{model} budget {share}"] = dict(
            model=model, kind="budget", bound=round(0.9 * spent, 4), value=problem.value, multiplier=float(limit.dual_value),
            w=np.reshape(coefficients.value, (p, -1)).tolist())
out = dict(source=f"CVXPY {cp.__version__}, Clarabel", x=x.tolist(), y=y.tolist(), cases=cases)
Path(__file__).with_name("constrained.json").write_text(json.dumps(out))
for name, case in cases.items():
    print(name, case["bound"], case["value"], case["multiplier"])
