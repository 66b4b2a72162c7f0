"""Paths of MCP and SCAD by skglm 0.5, polished to a KKT violation of 1e-11: every λ from the answer before, from λ_max down.

    python tests/golden/make_nonconvex_goldens.py
"""
import json
import pathlib
import warnings

import numpy as np
from skglm.datafits import Logistic, Poisson, Quadratic, QuadraticMultiTask
from skglm.penalties import SCAD, BlockMCPenalty, BlockSCAD, MCPenalty
from skglm.solvers import AndersonCD, MultiTaskBCD, ProxNewton
from skglm.utils.jit_compilation import compiled_clone

HERE = pathlib.Path(__file__).parent
KEPT = [4, 14, 29]


def design(rng, n, p):
    x = np.empty((n, p))
    x[:, 0] = rng.standard_normal(n)
    for j in range(1, p):
        x[:, j] = 0.5 * x[:, j - 1] + np.sqrt(0.75) * rng.standard_normal(n)
    x -= x.mean(0)
    x /= np.sqrt((x**2).mean(0))
    return np.asfortranarray(np.round(x, 6))


def gradient(kind, x, y, w, b):
    eta = x @ w + b
    if kind == "logistic":
        return x.T @ (1 / (1 + np.exp(-eta)) - y) / len(y)
    if kind == "poisson":
        return x.T @ (np.exp(eta) - y) / len(y)
    return x.T @ (eta - y) / len(y)


def solve(kind, penalty, gamma, x, y, ratio, intercept):
    """skglm's answers along the path, and their λs."""
    n, p = x.shape
    multi = y.ndim == 2
    make = {"mcp": BlockMCPenalty if multi else MCPenalty, "scad": BlockSCAD if multi else SCAD}[penalty]
    null = 0.0
    if intercept:
        mean = y.mean(0)
        null = {"logistic": lambda: np.log(mean / (1 - mean)), "poisson": lambda: np.log(mean)}.get(kind, lambda: mean)()
    g = gradient(kind, x, y, np.zeros((p, y.shape[1]) if multi else p), null)
    largest = np.max(np.linalg.norm(g, axis=1)) if multi else np.abs(g).max()
    lambdas = largest * ratio ** ((np.arange(30) + 1) / 30)
    target = 2 * y - 1 if kind == "logistic" else y
    if multi:
        # MultiTaskBCD has no intercept: the columns of x are centred, so that y may be.
        target = np.asfortranarray(y - y.mean(0))
        solver = MultiTaskBCD(tol=1e-11, max_iter=1000, max_epochs=100_000, fit_intercept=False, warm_start=True, ws_strategy="subdiff", use_acc=False)
        datafit = QuadraticMultiTask()
    elif kind == "squared":
        solver = AndersonCD(tol=1e-11, max_iter=1000, max_epochs=100_000, fit_intercept=intercept, warm_start=True, ws_strategy="subdiff")
        datafit = Quadratic()
    else:
        solver = ProxNewton(tol=1e-11, max_iter=1000, fit_intercept=intercept, warm_start=True)
        datafit = {"logistic": Logistic, "poisson": Poisson}[kind]()
    datafit = compiled_clone(datafit)
    if hasattr(datafit, "initialize"):
        datafit.initialize(x, target)
    extra = int(intercept and not multi)
    w = np.zeros((p, y.shape[1])) if multi else np.zeros(p + extra)
    eta = np.zeros_like(target, dtype=float)
    answers = []
    for value in lambdas:
        w, _, violation = solver.solve(x, target, datafit, compiled_clone(make(value, gamma)), w, eta)
        eta = np.asfortranarray(x @ w[:p]) + (w[-1] if extra else 0.0)
        assert violation < 1e-9, (kind, penalty, value, violation)
        answers.append((w[:p].copy(), (y.mean(0) if multi else float(w[-1])) if intercept else 0.0))
    return lambdas, answers


def main():
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(11)
    n, p = 80, 120
    x = design(rng, n, p)
    signal = 1.5 * x[:, 3] - 2.0 * x[:, 20] + x[:, 21] + 0.7 * x[:, 60] - x[:, 99]
    multi = np.column_stack([signal + 0.5 * rng.standard_normal(n), 0.5 * signal - x[:, 20] + 0.5 * rng.standard_normal(n)])
    tall = design(rng, 300, 40)
    weak = 0.8 * tall[:, 2] - 0.6 * tall[:, 11] + 0.5 * tall[:, 30]
    cases = {
        "mcp": ("squared", "mcp", 3.0, x, np.round(2.0 + signal + 0.7 * rng.standard_normal(n), 6), 0.1, True),
        "scad": ("squared", "scad", 3.7, x, np.round(2.0 + signal + 0.7 * rng.standard_normal(n), 6), 0.1, True),
        "multitask_mcp": ("squared", "mcp", 3.0, x, np.round(1.0 + multi, 6), 0.1, True),
        "multitask_scad": ("squared", "scad", 3.7, x, np.round(1.0 + multi, 6), 0.1, True),
        "logistic_mcp": ("logistic", "mcp", 20.0, tall, (rng.random(300) < 1 / (1 + np.exp(-0.3 - 1.5 * weak))).astype(float), 0.1, True),
        "poisson_mcp": ("poisson", "mcp", 6.0, tall, rng.poisson(np.exp(0.5 + 0.5 * weak)).astype(float), 0.1, False),
    }
    for name, (kind, penalty, gamma, x, y, ratio, intercept) in cases.items():
        lambdas, answers = solve(kind, penalty, gamma, x, y, ratio, intercept)
        content = {
            "gamma": gamma,
            "fit_intercept": intercept,
            "lambdas": lambdas.tolist(),
            "kept": KEPT,
            "x": x.tolist(),
            "y": y.tolist(),
            "coefficients": [answers[k][0].tolist() for k in KEPT],
            "intercepts": [np.atleast_1d(answers[k][1]).tolist() for k in KEPT],
        }
        (HERE / f"nonconvex_{name}.json").write_text(json.dumps(content) + "\n")
        print(name, [int((np.abs(answers[k][0]).reshape(x.shape[1], -1).max(1) > 0).sum()) for k in KEPT])


main()
