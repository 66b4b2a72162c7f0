"""Writes the data of `constrained.rs` and times spgl1 on them: process CPU time of one thread, the norm reached, and the residual.

    python benches/constrained.py /tmp/constrained
    RAYON_NUM_THREADS=1 cargo bench --bench constrained -- --data /tmp/constrained
"""
import os

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import sys
import time

import numpy as np
import spgl1

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def write(name, a, b, sigma):
    a.T.tofile(folder / f"{name}.x")
    b.T.tofile(folder / f"{name}.y")
    np.array([sigma]).tofile(folder / f"{name}.s")


rng = np.random.default_rng(13)
a = rng.standard_normal((600, 2560)) / np.sqrt(600)
x = np.zeros(2560)
support = rng.choice(2560, 60, replace=False)
x[support] = rng.choice([-1.0, 1.0], 60) * rng.uniform(0.5, 2, 60)
b = a @ x
e = rng.standard_normal(600)
e *= 0.05 * np.linalg.norm(b) / np.linalg.norm(e)
one = np.asfortranarray(a), b + e, np.linalg.norm(e)
a = rng.standard_normal((200, 1000)) / np.sqrt(200)
w = np.zeros((1000, 10))
w[rng.choice(1000, 25, replace=False)] = rng.standard_normal((25, 10))
b = a @ w
e = rng.standard_normal(b.shape)
e *= 0.05 * np.linalg.norm(b) / np.linalg.norm(e)
ten = np.asfortranarray(a), b + e, np.linalg.norm(e)

for name, (a, b, sigma), solve in (("one", one, spgl1.spg_bpdn), ("ten", ten, spgl1.spg_mmv)):
    write(name, a, b, sigma)
    norm = (lambda w: abs(w).sum()) if b.ndim == 1 else (lambda w: np.linalg.norm(w, axis=1).sum())
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        best = np.inf
        for _ in range(5):
            start = time.process_time()
            w = solve(a, b, sigma, opt_tol=tolerance, bp_tol=tolerance, ls_tol=tolerance, verbosity=0, iter_lim=20000)[0]
            best = min(best, time.process_time() - start)
        residual = np.linalg.norm(a @ w - b) / sigma - 1
        print(f"{name}, spgl1 {tolerance:.0e}: CPU {1e3 * best:.1f} ms, norm {norm(w):.12f}, residual {residual:.1e} of sigma above")
