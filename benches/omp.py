"""Writes the data of `omp.rs` and times scikit-learn's orthogonal matching pursuit on them, with and without the Gram matrix
formed first: process CPU time of one thread, best of five. scikit-learn has no simultaneous pursuit: `joint` is written only.

    python benches/omp.py /tmp/omp
    RAYON_NUM_THREADS=1 cargo bench --bench omp -- --data /tmp/omp
"""
import os

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import sys
import time

import numpy as np
from sklearn.linear_model import orthogonal_mp

PROBLEMS = [
    ("wide", 1000, 5000, 1, 100),
    ("square", 2000, 2000, 1, 100),
    ("dictionary", 200, 1000, 1, 30),
    ("tall", 20_000, 500, 1, 50),
    ("joint", 1000, 5000, 8, 100),
]


def problem(n, p, q):
    rng = np.random.default_rng(p)
    x = np.asfortranarray(rng.standard_normal((n, p)))
    x /= np.linalg.norm(x, axis=0)
    w = np.zeros((p, q))
    w[:: p // 60][:60] = rng.standard_normal((60, q))
    y = x @ w
    return x, y + np.sqrt((y**2).mean()) * rng.standard_normal((n, q))


def main(folder):
    folder.mkdir(exist_ok=True)
    for name, n, p, q, atoms in PROBLEMS:
        x, y = problem(n, p, q)
        x.ravel("F").tofile(folder / f"{name}.x")
        y.ravel("F").tofile(folder / f"{name}.y")
        if q > 1:
            continue
        for precompute in (False, True):
            best = np.inf
            for _ in range(5):
                start = time.process_time()
                w = orthogonal_mp(x, y[:, 0], n_nonzero_coefs=atoms, precompute=precompute)
                best = min(best, time.process_time() - start)
            norm = np.linalg.norm(y[:, 0] - x @ w)
            print(f"{name}, Gram {precompute}: CPU {best * 1e3:.1f} ms, residual norm {norm:.10f}", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
