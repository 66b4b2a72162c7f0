"""Writes the data of `nonconvex.rs` and times skglm on the same paths: process CPU time of one thread, compilation left out,
and the objectives reached half way and at the end, to compare with those of the bench.

    python benches/nonconvex.py /tmp/nonconvex
    RAYON_NUM_THREADS=1 cargo bench --bench nonconvex -- --data /tmp/nonconvex
"""
import os

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import sys
import time
import warnings

import numpy as np
from skglm.datafits import Logistic, Quadratic
from skglm.penalties import SCAD, MCPenalty
from skglm.solvers import AndersonCD, ProxNewton
from skglm.utils.jit_compilation import compiled_clone


def features(rng, n, p):
    x = np.empty((n, p))
    x[:, 0] = rng.standard_normal(n)
    for j in range(1, p):
        x[:, j] = 0.5 * x[:, j - 1] + np.sqrt(0.75) * rng.standard_normal(n)
    return np.asfortranarray(x), x[:, :: p // 50][:, :50].sum(1)


def path(datafit, penalty, x, y, lambdas, tolerance):
    """Every λ from the answer before."""
    solver = AndersonCD(tol=tolerance, max_iter=200, max_epochs=100_000, fit_intercept=False, warm_start=True, ws_strategy="fixpoint")
    if isinstance(datafit, Logistic):
        solver = ProxNewton(tol=tolerance, max_iter=200, fit_intercept=False, warm_start=True)
    datafit = compiled_clone(datafit)
    if hasattr(datafit, "initialize"):
        datafit.initialize(x, y)
    w, xw, values = np.zeros(x.shape[1]), np.zeros(len(y)), []
    for k, value in enumerate(lambdas):
        omega = compiled_clone(penalty(value))
        w, _, violation = solver.solve(x, y, datafit, omega, w, xw)
        xw = x @ w
        if k in (49, 99):
            values += [datafit.value(y, w, xw) + omega.value(w), int((w != 0).sum())]
    return values


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(5)
    n, p = 1000, 10_000
    x, signal = features(rng, n, p)
    y = signal + 2 * rng.standard_normal(n)
    classes = (rng.random(n) < 1 / (1 + np.exp(-signal))).astype(float)
    x.T.tofile(folder / "wide.x")
    y.tofile(folder / "wide.y")
    classes.tofile(folder / "logistic.y")
    signs = 2 * classes - 1
    for name, datafit, penalty, y in [
        ("MCP", Quadratic(), lambda value: MCPenalty(value, 3.0), y),
        ("SCAD", Quadratic(), lambda value: SCAD(value, 3.7), y),
        ("logistic MCP", Logistic(), lambda value: MCPenalty(value, 20.0), signs),
    ]:
        largest = np.abs(x.T @ y).max() / n * (0.5 if name == "logistic MCP" else 1)
        lambdas = largest * 0.05 ** (np.arange(100) / 99)
        path(datafit, penalty, x, y, lambdas[:2], 1e-3)
        for relative in (1e-4, 1e-6):
            best = np.inf
            for _ in range(2):
                start = time.process_time()
                values = path(datafit, penalty, x, y, lambdas, relative * largest)
                best = min(best, time.process_time() - start)
            print(f"{name}, tolerance {relative:g}: CPU {best:.2f} s, objectives {values[0]:.10f} {values[2]:.10f}, features {values[1]} {values[3]}", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
