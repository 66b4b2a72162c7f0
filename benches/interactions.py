"""Writes a base of 1000 x 300 and a response from 10 main effects and 40 products, forms all 45 150 columns and times
scikit-learn, skglm and adelie on them: the matrix is centred, lambda from the largest to 0.01 of it. Process CPU time of
one thread, the best of two runs (paths: one), forming timed apart. A whole run takes some minutes: the path of
scikit-learn comes last.

    python benches/interactions.py /tmp/interactions
    RAYON_NUM_THREADS=1 cargo bench --bench interactions -- implicit --data /tmp/interactions
"""
import os

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[name + "_NUM_THREADS"] = "1"

import pathlib
import resource
import sys
import time
import warnings

import numpy as np

N, P = 1000, 300


def best(what, f, repeats=2):
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        result = f()
        times.append(time.process_time() - begin)
    print(f"{what:<36} {1e3 * min(times):9.1f} ms", flush=True)
    return result


def form(base):
    i, j = np.triu_indices(P, 1)
    x = np.empty((N, P + len(i)), order="F")
    x[:, :P] = base
    np.multiply(base[:, i], base[:, j], out=x[:, P:])
    return x


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    base = np.asfortranarray(random.standard_normal((N, P)))
    x = best("forming", lambda: form(base))
    w = np.zeros(x.shape[1])
    w[random.choice(P, 10, replace=False)] = random.standard_normal(10)
    w[P + random.choice(x.shape[1] - P, 40, replace=False)] = random.standard_normal(40)
    y = x @ w
    y += 0.5 * y.std() * random.standard_normal(N)
    y /= y.std()
    base.ravel(order="F").tofile(folder / "base.bin")
    y.tofile(folder / "y.bin")
    x -= x.mean(axis=0)
    y -= y.mean()
    largest = np.abs(x.T @ y).max() / N
    grid = largest * np.geomspace(1, 0.01, 100)
    warnings.simplefilter("ignore")
    from sklearn.linear_model import Lasso, lasso_path

    best("scikit-learn, fit at 0.1", lambda: Lasso(alpha=0.1 * largest, tol=1e-6, fit_intercept=False, copy_X=False).fit(x, y))
    try:
        import skglm

        def fit():
            return skglm.Lasso(alpha=0.1 * largest, tol=1e-6, fit_intercept=False).fit(x, y)

        fit()  # compiles
        best("skglm, fit at 0.1", fit)
        best("skglm, path", lambda: skglm.Lasso(tol=1e-6, fit_intercept=False, warm_start=True).path(x, y, grid), 1)
    except ImportError:
        pass
    try:
        import adelie

        def path():
            return adelie.grpnet(x, adelie.glm.gaussian(y), lmda_path=grid, tol=1e-7, n_threads=1, early_exit=False, progress_bar=False)

        best("adelie, path", path, 1)
    except ImportError:
        pass
    best("scikit-learn, path", lambda: lasso_path(x, y, alphas=grid, tol=1e-6, precompute=False), 1)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1])
