"""Golden answers for penalties that couple columns, from CVXPY / Clarabel at tolerances of 1e-13.

    python make_convex_goldens.py OUT

Objective: 1/(2n) sum_i s_i ||y_i - b - W'x_i||^2 + lambda Omega(W), weights s rescaled to mean 1, b not penalised; `logistic`
in its name: 1/n sum_i log(1 + exp(-y_i eta_i)). Omega is the formula in the problem's function below. One file holds the
data and all answers.
"""
import json, sys
from importlib.metadata import version
from pathlib import Path
import cvxpy as cp
import numpy as np
import scipy.stats

rng = np.random.default_rng(20)
n, p, q = 40, 12, 3
base = rng.standard_normal((n, p))
x = base.copy()
for j in range(1, p):
    x[:, j] = 0.6 * x[:, j - 1] + 0.8 * base[:, j]
x = np.round(x + rng.uniform(-1, 1, p), 6)
truth = np.array([2, 2, 2, 0, 0, 0, -1, -1, 1, 0, 0, 0.5])
y = np.round(x @ truth + 0.7 * rng.standard_normal(n) + 1.5, 6)
factors = np.outer(truth, [1.0, -0.5, 0.3]) + 0.3 * np.outer(truth[::-1], [0, 1.0, 1.0])
Y = np.round(x @ factors + 0.5 * rng.standard_normal((n, q)) - 1.0, 6)
s = rng.integers(1, 4, n).astype(float)
labels = (y > np.median(y)).astype(float)

bh = scipy.stats.norm.isf(np.arange(1, p + 1) * 0.2 / (2 * p))
linear = 1.0 + 0.25 * np.arange(p - 1, -1, -1)
edges = np.array([1.0, 2.0, 0.5, 0.0, 1.0, 1.0, 3.0, 1.0, 0.7, 1.0, 1.0])
tree = [[0, 1, 2, 3, 4, 5], [0, 1, 2], [1], [4, 5], [6, 7, 8], [8], [9, 10, 11], [9, 10, 11]]
tree_weights = [1.0, 0.7, 0.5, 1.2, 1.5, 0.3, 0.8, 0.4]
groups = [[0, 3, 6, 9], [1, 2], [4, 5, 7], [8, 10, 11]]
graph = [[0, 1], [1, 2], [2, 0], [2, 3], [3, 4], [4, 5], [6, 7], [7, 8], [8, 6], [9, 10], [5, 9]]
graph_weights = [1.0, 0.5, 1.0, 2.0, 1.0, 1.0, 1.0, 0.3, 1.0, 1.0, 0.8]


def sorted_l1(w, weights):
    # sum_k (omega_k - omega_{k+1}) * (sum of the k largest)
    steps = np.append(weights[:-1] - weights[1:], weights[-1])
    return sum(d * cp.sum_largest(cp.abs(w), k + 1) for k, d in enumerate(steps) if d > 0)


def variation(w, weights):
    return cp.sum(cp.multiply(weights, cp.abs(cp.diff(w))))


problems = {
    "slope_bh": (0.15, lambda w: sorted_l1(w, bh)),
    "slope_oscar": (0.1, lambda w: sorted_l1(w, linear)),
    "slope_oscar_logistic": (0.02, lambda w: sorted_l1(w, linear)),
    "fused": (0.2, lambda w: variation(w, np.ones(p - 1))),
    "fused_sparse_edges": (0.3, lambda w: 0.25 * cp.norm1(w) + 0.75 * variation(w, edges)),
    "fused_logistic": (0.05, lambda w: variation(w, np.ones(p - 1))),
    "graph": (0.3, lambda w: sum(u * cp.abs(w[i] - w[j]) for u, (i, j) in zip(graph_weights, graph))),
    "graph_sparse": (0.4, lambda w: 0.3 * cp.norm1(w) + 0.7 * sum(u * cp.abs(w[i] - w[j]) for u, (i, j) in zip(graph_weights, graph))),
    "tree": (0.25, lambda w: sum(u * cp.norm(w[g]) for u, g in zip(tree_weights, tree))),
    "group_max": (0.1, lambda w: sum(len(g) * cp.norm_inf(w[g]) for g in groups)),
    "multitask_max": (0.2, lambda w: cp.sum(cp.max(cp.abs(w), axis=1))),
    "trace_norm": (0.3, lambda w: cp.normNuc(w)),
    "box": (0.1, lambda w: cp.norm1(w)),
    "simplex": (1.0, lambda w: 0),
    "sparse_group_nonnegative": (0.15, lambda w: 0.4 * cp.norm1(w) + 0.6 * sum(np.sqrt(len(g)) * cp.norm(w[g]) for g in groups)),
}
answers = {}
for name, (lam, omega) in problems.items():
    several = name in ("multitask_max", "trace_norm")
    w, b = (cp.Variable((p, q)), cp.Variable((1, q))) if several else (cp.Variable(p), cp.Variable())
    if "logistic" in name:
        eta = x @ w + b
        loss = cp.sum(cp.logistic(eta) - cp.multiply(labels, eta)) / n
    elif several:
        loss = cp.sum(cp.multiply((s / s.mean())[:, None], cp.square(Y - x @ w - np.ones((n, 1)) @ b))) / (2 * n)
    else:
        loss = cp.sum(cp.multiply(s / s.mean(), cp.square(y - x @ w - b))) / (2 * n)
    constraints = {
        "box": [w >= -0.5, w <= 1.0],
        "simplex": [w >= 0, cp.sum(w) == 3.0],
        "sparse_group_nonnegative": [w >= 0],
    }.get(name, [])
    problem = cp.Problem(cp.Minimize(loss + lam * omega(w)), constraints)
    eps = 1e-13
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=eps, tol_gap_rel=eps, tol_feas=eps, tol_ktratio=1e-10, max_iter=500)
    answers[name] = {"lambda": lam, "coefficients": w.value.tolist(), "intercept": np.ravel(b.value).tolist(), "objective": float(problem.value), "status": problem.status}
    print(name, problem.status, problem.value, np.round(w.value, 6).tolist())
out = {
    "source": f"CVXPY {cp.__version__} / Clarabel {version('clarabel')}", "x": x.tolist(), "y": y.tolist(), "Y": Y.tolist(),
    "labels": labels.tolist(), "sample_weights": s.tolist(), "bh_q": 0.2, "oscar": [1.0, 0.25], "edges": edges.tolist(),
    "tree": tree, "tree_weights": tree_weights, "groups": groups, "graph": graph, "graph_weights": graph_weights,
    "answers": answers,
}
Path(sys.argv[1]).mkdir(exist_ok=True)
(Path(sys.argv[1]) / "convex_penalties.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
