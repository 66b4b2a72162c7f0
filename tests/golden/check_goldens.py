"""Second look at the goldens, from the JSON files alone and without the code that made them.

    python check_goldens.py DIR [--diabetes diabetes.csv]

Objective in the user's units (numpy longdouble): must be the stored one, and must rise in every direction tried
(coordinates, groups, random), with the intercept profiled out.  scikit-learn's own fit_intercept and sample_weight
on the raw columns, where it has the family; lambda_max from both sides.
"""
import argparse, csv, json, warnings
from pathlib import Path
import numpy as np

warnings.filterwarnings("ignore")
L = lambda v: np.asarray(v, dtype=np.longdouble)


def penalty(g, w, sd, parts=None):
    z = w * sd[:, None] if g["standardize"] else w
    fam, rho = g["family"], L(g.get("l1_ratio", 1.0))
    groups = g.get("groups") or []
    gw = L(g["group_weights"]) if "group_weights" in g else np.sqrt(L([len(i) for i in groups]))
    ridge = (1 - rho) / 2 * (z ** 2).sum()
    if fam.startswith("multitask"):
        return rho * np.sqrt((z ** 2).sum(axis=1)).sum() + ridge
    if fam == "latent_overlap_group_lasso":
        return sum(c * np.sqrt((v ** 2).sum()) for c, v in zip(gw, parts))
    if not groups:
        u = L([0 if v is None else v for v in g.get("feature_weights", np.ones(g["p"]))])
        return rho * (u[:, None] * abs(z)).sum() + ridge
    tau = L(g.get("tau", 0.0))
    return tau * abs(z).sum() + (1 - tau) * sum(c * np.sqrt((z[i] ** 2).sum()) for c, i in zip(gw, groups))


def regression(g, x, y, lam, w, b, obj, latent):
    rng = np.random.default_rng(0)
    x, y, w = L(x), L(y).reshape(len(x), -1), L(w).reshape(g["p"], -1)
    n, s = len(x), L(g.get("sample_weights", np.ones(len(x))))
    s = s * n / s.sum()
    mx, my = s @ x / n, s @ y / n
    sd, ysd = np.sqrt(s @ (x - mx) ** 2 / n), np.sqrt((s @ (y - my) ** 2 / n).sum())
    cx, cy = (x - mx, y - my) if g["fit_intercept"] else (x, y)
    b_err = abs(L(b).reshape(-1) - (my - mx @ w if g["fit_intercept"] else 0)).max() / (ysd + (abs(mx)[:, None] * abs(w)).sum())
    parts = [L(v) for v in latent] if latent else None

    def f(w, parts=None):
        return (s @ (cy - cx @ w) ** 2).sum() / (2 * n) + L(lam) * penalty(g, w, sd, parts)
    f0 = f(w, parts)
    out = [k for k, u in enumerate(g.get("feature_weights", [])) if u is None]
    assert not w[out].any()
    worst, groups = np.inf, g.get("groups") or []
    free = [k for k in range(g["p"]) if k not in out]
    for trial in range(40 + 2 * len(free)):
        d = np.zeros_like(w)
        if trial < 2 * len(free):
            d[free[trial // 2]] = (1 - 2 * (trial % 2)) * (1 if w.shape[1] == 1 else rng.standard_normal(w.shape[1]))
        elif trial % 2 and groups:
            d[groups[trial % len(groups)]] = rng.standard_normal((len(groups[trial % len(groups)]), 1))
        else:
            d[free] = rng.standard_normal((len(free), w.shape[1]))
        d *= (ysd / sd)[:, None]
        for h in (1e-3, 1e-5):
            if g["nonnegative"] and (w + h * d < 0).any():
                continue
            if parts is None:
                worst = min(worst, f(w + h * d) - f0)
            else:
                new = [v + h * d[i, 0] * rng.random() for v, i in zip(parts, groups)]
                tot = np.zeros_like(w)
                for v, i in zip(new, groups):
                    tot[i, 0] += v
                worst = min(worst, f(tot, new) - f0)
    assert worst > 0, worst
    return abs(f0 - obj) / max(f0, ysd ** 2), b_err, worst / ysd ** 2


def sklearn_raw(g, x, y, lam, w, b):
    """Largest |difference| * sd_x / sd_y, or None when scikit-learn cannot say it."""
    if g["standardize"] or "feature_weights" in g or g["family"] not in ("lasso", "elastic_net", "multitask_lasso", "multitask_elastic_net"):
        return None
    from sklearn.linear_model import ElasticNet, MultiTaskElasticNet
    x, y = np.asarray(x), np.asarray(y)
    kw = dict(alpha=lam, l1_ratio=g.get("l1_ratio", 1.0), fit_intercept=g["fit_intercept"], tol=1e-14, max_iter=200000)
    if y.ndim == 2:
        return None if "sample_weights" in g else (np.abs(MultiTaskElasticNet(**kw).fit(x, y).coef_.T - w) * x.std(axis=0)[:, None] / y.std()).max()
    m = ElasticNet(positive=g["nonnegative"], **kw).fit(x, y, sample_weight=g.get("sample_weights"))
    zero = [np.count_nonzero(ElasticNet(**{**kw, "alpha": g["lambda_max"] * t}, positive=g["nonnegative"]).fit(x, y, sample_weight=g.get("sample_weights")).coef_) for t in (1 + 1e-7, 1 - 1e-4)]
    assert zero[0] == 0 < zero[1], zero
    return (np.abs(m.coef_ - w) * x.std(axis=0) / y.std()).max()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("dir", type=Path)
    ap.add_argument("--diabetes", type=Path)
    o = ap.parse_args()
    for file in sorted(o.dir.glob("*.json")):
        g = json.loads(file.read_text())
        lams = g.get("lambdas") or [g["lambda"]]
        at = lambda k, i: g.get(k) if "lambda" in g or g.get(k) is None else g[k][i]
        for i, lam in enumerate(lams):
            if g["family"] == "graphical_lasso":
                S, T = np.array(g["covariance"]), np.array(at("precision", i))
                val = -np.linalg.slogdet(T)[1] + (S * T).sum() + lam * (np.abs(T).sum() - np.trace(T))
                R = S - np.linalg.inv(T)
                off = ~np.eye(len(S), dtype=bool)
                assert (T == T.T).all() and abs(val - at("objective", i)) < 1e-12 and np.abs(np.diag(R)).max() < 1e-13 * S.max()
                assert (np.abs(R[off]) < lam * (1 + 1e-12)).all() and np.abs((R + lam * np.sign(T))[off & (T != 0)]).max() < 1e-12 * S.max()
                print(f"{g['name']:30s} ok")
                continue
            if "data" in g:
                if not o.diabetes:
                    continue
                t = np.array(list(csv.reader(open(o.diabetes)))[1:], dtype=float)
                x, y = t[:, :-1], t[:, -1]
            else:
                x, y = g["x"], g["y"]
            w, b = at("coefficients", i), at("intercept", i)
            r = regression(g, x, y, lam, w, b, at("objective", i), at("latent", i))
            assert r[0] < 1e-15 and r[1] < 1e-15, r
            print(f"{g['name']:30s} objective {float(r[0]):.0e}  intercept {float(r[1]):.0e}  rise {float(r[2]):.1e}  sklearn raw {sklearn_raw(g, x, y, lam, w, b)}")


if __name__ == "__main__":
    main()
