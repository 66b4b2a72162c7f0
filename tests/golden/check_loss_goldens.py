"""Second look at the loss goldens, from the JSON files alone and without the code that made them.

    python check_loss_goldens.py DIR

The loss is written down once more, naively, in longdouble; its gradient is taken by central differences, for all
coordinates.  From these: the stored objective, the optimality conditions of every coefficient and group, the null
model (Newton by differences where columns are free), and lambda_max from both sides.  The quantile loss has no gradient:
there the objective must rise in every direction tried, and the null model must have a unique dual.
"""
import json, sys
from pathlib import Path
import numpy as np

L = lambda v: np.asarray(v, dtype=np.longdouble)


class Golden:
    def __init__(self, g):
        self.g, self.x = g, L(g["X"])
        n, p = self.x.shape
        assert (n, p) == (g["n"], g["p"])
        self.n, self.p, self.q, self.name, self.par = n, p, g.get("q", 1), g["loss"]["name"], g["loss"]["parameters"]
        s = L(g.get("sample_weights", np.ones(n)))
        self.s = s / s.mean()
        m = self.s @ self.x / n
        self.sd = np.sqrt(self.s @ (self.x - m) ** 2 / n)
        self.xc = self.x - m                    # eta(z, c) = xc z / sd + c: unit columns, shifted intercept
        self.m = m
        self.o = L(g.get("offset", np.zeros(n)))
        if self.name != "cox":
            self.y = np.asarray(g["y"]) if self.name == "multinomial" else L(g["y"])
        fw = np.array([np.inf if v is None else v for v in g.get("feature_weights", np.ones(p))])
        d = np.ones(p) if g["standardize"] else np.asarray(1 / self.sd, float)
        rho = g.get("l1_ratio", 1.0)
        self.d, self.ridge = d, 1 - rho
        self.groups, self.gw, self.a = g.get("groups", []), [], fw * rho
        if self.groups:
            self.gw = g.get("group_weights") or [(1 - g.get("tau", 0.0)) * len(i) ** 0.5 for i in self.groups]
            self.a = np.full(p, g.get("tau", 0.0))
        if g["family"] == "multitask_lasso":
            self.groups, self.gw, self.a = [[j] for j in range(p)], [1.0] * p, np.zeros(p)
        self.free = (self.a == 0) & ~np.isin(np.arange(p), [j for i, c in zip(self.groups, self.gw) if c > 0 for j in i])

    def loss(self, w, b):
        """w p x q in user's units."""
        e = self.x @ w + b + self.o[:, None]
        if self.name == "cox":
            return self.cox(e[:, 0])
        if self.name == "multinomial":
            top = e.max(axis=1)
            return (self.s * (top + np.log(np.exp(e - top[:, None]).sum(axis=1)) - e[np.arange(self.n), self.y])).sum() / self.n
        y = self.y.reshape(self.n, -1)
        r = y - e
        if self.name == "sqrt_lasso":
            return np.sqrt((self.s @ r ** 2)[0] / self.n)
        if self.name == "huber":
            d = L(self.par["delta"])
            l = np.where(abs(r) <= d, r * r / 2, d * abs(r) - d * d / 2)
        elif self.name == "quantile":
            l = np.where(r >= 0, L(self.par["tau"]) * r, (L(self.par["tau"]) - 1) * r)
        elif self.name == "squared_hinge":
            assert self.par["half"]
            l = np.maximum(0, 1 - y * e) ** 2 / 2
        elif self.name == "poisson":
            l = np.exp(e) - y * e
        elif self.name == "gamma":
            l = e + y * np.exp(-e)
        else:
            assert "logistic" in self.name
            l = np.logaddexp(L(0), e) - y * e
        return (self.s @ l).sum() / self.n

    def cox(self, e):
        g, total = self.g, L(0)
        t, status = np.array(g["time"]), np.array(g["status"])
        start, strata = np.array(g.get("start", np.full(self.n, -np.inf))), np.array(g.get("strata", np.zeros(self.n)))
        assert (start < t).all()
        h = self.s * np.exp(e)
        seen = {}
        for i in np.flatnonzero((status == 1) & (self.s > 0)):
            tied = (status == 1) & (t == t[i]) & (strata == strata[i]) & (self.s > 0)
            risk = (start < t[i]) & (t >= t[i]) & (strata == strata[i])
            total -= self.s[i] * e[i]
            if self.par["ties"] == "breslow":
                total += self.s[i] * np.log(h[risk].sum())
            else:
                l = seen.get((strata[i], t[i]), 0)
                seen[strata[i], t[i]] = l + 1
                total += self.s[tied].mean() * np.log(h[risk].sum() - L(l) / tied.sum() * h[tied].sum())
        return total / self.n

    def penalty(self, w):
        z = w * self.sd[:, None] if self.g["standardize"] else w
        a = np.where(np.isfinite(self.a), self.a, 0)
        return (a[:, None] * abs(z)).sum() + self.ridge / 2 * (z ** 2).sum() + sum(c * np.sqrt((z[i] ** 2).sum()) for c, i in zip(self.gw, self.groups))

    def gradient(self, w, b):
        """By w_j sd_j (b moved along so that the shift of the column's mean is compensated) and by b."""
        g, h = np.zeros((self.p + 1, self.q)), L(1e-6)
        icpt = self.g["fit_intercept"]
        for j in range(self.p + 1):
            for c in range(self.q):
                v = []
                for t in (h, -h):
                    w2, b2 = w.copy(), b.copy()
                    if j < self.p:
                        w2[j, c] += t / self.sd[j]
                    if j == self.p:
                        b2[c] += t
                    elif icpt:
                        b2[c] -= t * self.m[j] / self.sd[j]
                    v.append(self.loss(w2, b2))
                g[j, c] = (v[0] - v[1]) / (2 * h)
        return g

    def excess(self, z, g, lam):
        """Largest violation of the optimality conditions; z, g = coefficient and gradient in units where the columns have sd 1 (p x q)."""
        d, worst, nonneg = self.d[:, None], 0.0, self.g["nonnegative"]
        v = z * d                                # the penalty sees v
        g = g / d + lam * self.ridge * v
        block = {j: k for k, i in enumerate(self.groups) for j in i}
        for k, i in enumerate(self.groups):
            if self.gw[k] > 0 and np.abs(v[i]).max() > 0:
                g[i] += lam * self.gw[k] * v[i] / np.sqrt((v[i] ** 2).sum())
        for j in range(self.p):
            if not np.isfinite(self.a[j]):
                assert (v[j] == 0).all()
                continue
            k = block.get(j, -1)
            if k >= 0 and np.abs(v[self.groups[k]]).max() == 0 and self.gw[k] > 0:
                continue
            for c in range(self.q):
                t = lam * self.a[j]
                if v[j, c] != 0:
                    e = abs(g[j, c] + t * np.sign(v[j, c]))
                else:
                    e = max(-g[j, c] - t, 0) if nonneg else max(abs(g[j, c]) - t, 0)
                worst = max(worst, e * self.d[j])
        for k, i in enumerate(self.groups):
            if self.gw[k] > 0 and np.abs(v[i]).max() == 0:
                t = np.maximum(np.abs(g[i]) - lam * self.a[i][:, None], 0)
                worst = max(worst, (np.sqrt((t ** 2).sum()) - lam * self.gw[k]) * self.d[i].max())
        if nonneg:
            assert (v >= 0).all()
        return worst

    def null(self):
        free, q = np.flatnonzero(self.free), self.q
        icpt = self.g["fit_intercept"]

        def unpack(t):
            w = np.zeros((self.p, q), dtype=np.longdouble)
            w[free] = L(t[q:]).reshape(-1, q) / self.sd[free][:, None]
            return w, L(t[:q]) * icpt - self.m @ w * icpt
        t = np.append(np.reshape(self.g["null_intercept"], -1) + (self.m @ unpack(np.zeros(q + len(free) * q))[0]), np.zeros(len(free) * q))
        w, b = unpack(t)
        if len(free):                            # start at the plain mean model; Newton with differences of the gradient
            for _ in range(30):
                k = np.append(np.repeat(False, self.p), icpt) | np.append(self.free, False)
                f = lambda t: np.concatenate([self.gradient(*unpack(t))[-1], self.gradient(*unpack(t))[free].ravel()])
                g0, h = f(t), 1e-5
                H = np.column_stack([(f(t + h * e) - f(t - h * e)) / (2 * h) for e in np.eye(len(t))])
                step = np.linalg.solve(H, -g0)
                t = t + step
                if abs(step).max() < 1e-10:
                    break
            w, b = unpack(t)
        return w, b


def check(path):
    g = json.loads(path.read_text())
    G = Golden(g)
    many = "lambdas" in g
    lams = g["lambdas"] if many else [g["lambda"]]
    out, rng = [], np.random.default_rng(0)
    wn, bn = G.null()
    null = abs(float(G.loss(wn, bn)) / g["null_objective"] - 1) if g["null_objective"] else abs(float(G.loss(wn, bn)))
    nb = float(abs(bn - np.reshape(g["null_intercept"], -1)).max())
    for i, lam in enumerate(lams):
        pick = lambda k: g[k][i] if many else g[k]
        w, b = L(pick("coefficients")).reshape(G.p, G.q), L(pick("intercept")).reshape(G.q)
        assert pick("active") == int((w != 0).any(axis=1).sum())
        obj = G.loss(w, b) + lam * G.penalty(w)
        rel = float(abs(obj / L(pick("objective")) - 1))
        if G.name == "quantile":
            k, worst = 0, 1e9
            for _ in range(4000):
                t = rng.standard_normal(G.p) * (rng.random(G.p) < rng.choice([0.1, 0.3, 1.0]))
                if _ < 2 * G.p:
                    t = np.eye(G.p)[_ // 2] * (-1) ** _
                if not t.any():
                    continue
                dw = L(t / np.sqrt((t ** 2).sum()))[:, None] / G.sd[:, None] * 1e-3
                r = G.y - (G.x @ (w + dw))[:, 0]
                o = np.argsort(r)                                           # the best intercept
                b2 = r[o[np.searchsorted(np.cumsum(G.s[o]), G.n * G.par["tau"])]]
                worst = min(worst, float(G.loss(w + dw, L([b2])) + lam * G.penalty(w + dw) - obj))
            assert worst > 0, worst
            out.append((rel, -worst, 0.0))
        else:
            gr = G.gradient(w, b)
            out.append((rel, float(G.excess(np.asarray(w * G.sd[:, None], float), gr[:-1].copy(), lam)), float(abs(gr[-1]).max()) if g["fit_intercept"] else 0.0))
        if G.name == "multinomial":
            assert abs(b.sum()) < 1e-13 * max(1, abs(b).max())
        elif not g["fit_intercept"]:
            assert (b == 0).all()
    if G.name == "quantile":                     # dual of the null model: one interpolated row balances the rest
        r = np.asarray(G.y - bn, float)
        th = np.where(r > 0, G.par["tau"], G.par["tau"] - 1.0)
        s = np.asarray(G.s, float)
        th, i = th * s, np.argmin(abs(r))
        th[i] = 0; th[i] = -th.sum()
        assert G.par["tau"] - 1 < th[i] / s[i] < G.par["tau"]               # strictly: the null model is unique
        gn = -np.asarray(G.xc / G.sd, float).T @ th[:, None] / G.n
    else:
        gn = G.gradient(wn, bn)
        if g["fit_intercept"]:
            assert abs(gn[-1]).max() < 1e-10
        gn = gn[:-1]
    z = np.asarray(wn * G.sd[:, None], float)
    z[~G.free] = 0
    scale = float(np.abs(gn).max())
    up, down = (G.excess(z, gn.copy(), g["lambda_max"] * f) for f in (1 + 1e-7, 1 - 1e-7))
    rel, kkt, icpt = (max(v) for v in zip(*out))
    ok = rel < 1e-14 and kkt < 1e-9 and icpt < 1e-9 and null < 1e-14 and nb < 1e-6 and up < 1e-10 < down and len(path.read_text()) < 60000
    print(f"{'ok ' if ok else 'BAD'} {path.stem:38s} objective {rel:.0e}  kkt {kkt:.0e}  intercept {icpt:.0e}  null {null:.0e} {nb:.0e}  lambda_max {up:.0e} / {down:.0e} of {scale:.1e}", flush=True)
    return ok


if __name__ == "__main__":
    oks = [check(p) for p in sorted(Path(sys.argv[1]).glob("loss_*.json"))]
    print(f"{sum(oks)} of {len(oks)}")
    sys.exit(not all(oks))
