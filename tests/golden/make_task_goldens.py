"""Tasks with designs of their own, solved as conic problems by cvxpy (Clarabel).

    minimise  sum_t c_t / n_t sum_i s_ti l_t(y_ti, x_ti'w_t + b_t + o_ti)  +  lambda Omega(W)

Data are rounded to four decimals and written beside the answers. Run: python make_task_goldens.py (cvxpy 1.7, numpy).
"""

import json

import cvxpy as cp
import numpy as np


def data(seed, sizes, p, families, missing=()):
    rng = np.random.default_rng(seed)
    tasks = []
    for t, (n, family) in enumerate(zip(sizes, families)):
        x = np.round(rng.normal(size=(n, p)) + rng.uniform(-1, 1, size=p), 4)
        w = np.zeros(p)
        w[[1, 4, 5]] = rng.uniform(0.4, 1.0, 3) * rng.choice([-1, 1], 3)
        eta = x @ w
        if family == "squared":
            y = np.round(eta + 0.5 * rng.normal(size=n) + 1, 4)
        elif family == "poisson":
            y = rng.poisson(np.exp(np.clip(0.5 * eta, -3, 3))).astype(float)
        else:
            y = (rng.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(float)
        tasks.append({"family": family, "x": x, "y": y, "weight": 1.0, "sample_weights": None, "offset": None,
                      "features": list(range(p))})
    for t, lacking in missing:
        tasks[t]["features"] = [j for j in range(p) if j not in lacking]
        tasks[t]["x"] = tasks[t]["x"][:, tasks[t]["features"]]
    return tasks


def solve(name, tasks, p, lam, omega, intercept=True):
    T = len(tasks)
    W = cp.Variable((p, T))
    b = cp.Variable(T)
    loss, constraints = 0, []
    if not intercept:
        constraints.append(b == 0)
    for t, task in enumerate(tasks):
        x, y = task["x"], task["y"]
        n = len(y)
        s = np.ones(n) if task["sample_weights"] is None else np.array(task["sample_weights"])
        s = s * n / s.sum()
        eta = x @ W[task["features"], t] + b[t]
        if task["offset"] is not None:
            eta = eta + np.array(task["offset"])
        lacking = [j for j in range(p) if j not in task["features"]]
        if lacking:
            constraints.append(W[lacking, t] == 0)
        if task["family"] == "squared":
            f = 0.5 * cp.sum(cp.multiply(s, cp.square(y - eta)))
        elif task["family"] == "poisson":
            f = cp.sum(cp.multiply(s, cp.exp(eta) - cp.multiply(y, eta)))
        else:
            f = cp.sum(cp.multiply(s, cp.logistic(eta) - cp.multiply(y, eta)))
        loss += task["weight"] / n * f
    problem = cp.Problem(cp.Minimize(loss + lam * omega(W)), constraints)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    print(name, problem.status, problem.value)
    out = []
    for task in tasks:
        out.append({**task, "x": task["x"].tolist(), "y": task["y"].tolist()})
    with open(f"tasks_{name}.json", "w") as f:
        json.dump({"lambda": lam, "intercept": intercept, "objective": problem.value, "tasks": out,
                   "coefficients": np.round(W.value, 12).tolist(), "intercepts": np.round(b.value, 12).tolist()}, f)


def rows(W):
    return cp.sum(cp.norm(W, axis=1))


p = 8
tasks = data(1, [30, 22, 41], p, ["squared"] * 3)
tasks[1]["weight"] = 2.5
tasks[2]["sample_weights"] = np.round(np.random.default_rng(5).uniform(0, 2, 41), 3).tolist()
tasks[0]["offset"] = np.round(np.random.default_rng(6).normal(size=30), 3).tolist()
solve("squared", tasks, p, 0.15, rows)
solve("elastic_net_no_intercept", tasks, p, 0.2,
      lambda W: sum(0.6 * cp.norm(W[j, :]) + 0.2 * cp.sum_squares(W[j, :]) for j in range(p)), intercept=False)

tasks = data(2, [30, 40], p, ["squared", "poisson"])
tasks[1]["offset"] = np.round(np.random.default_rng(7).normal(size=40) / 3, 3).tolist()
tasks[0]["weight"] = 0.7
solve("gaussian_poisson", tasks, p, 0.08, rows)

tasks = data(3, [60, 45, 50], p, ["logistic"] * 3)
tasks[1]["sample_weights"] = np.round(np.random.default_rng(8).uniform(0.2, 2, 45), 3).tolist()
solve("logistic", tasks, p, 0.05, rows)

tasks = data(4, [30, 25, 35], p, ["squared"] * 3, missing=[(0, [2, 5]), (2, [0, 4])])
solve("missing_features", tasks, p, 0.2, rows)

tasks = data(5, [30, 25], p, ["squared", "logistic"], missing=[(0, [3])])
groups = [[0, 3], [1, 4, 5], [2, 6, 7]]
solve("sparse_group", tasks, p, 0.1,
      lambda W: 0.4 * cp.sum(cp.abs(W)) + 0.6 * sum(np.sqrt(len(g)) * cp.norm(cp.vec(W[g, :], order="C")) for g in groups))
solve("lasso", tasks, p, 0.1, lambda W: cp.sum(cp.abs(W)))
