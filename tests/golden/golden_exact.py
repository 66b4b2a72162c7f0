"""Exact side of the goldens: penalised least squares and the graphical lasso in 50-digit arithmetic."""
import mpmath as mp
import numpy as np

mp.mp.dps = 50
TINY = mp.mpf("1e-38")
M = np.vectorize(lambda v: mp.mpf(float(v)) if not isinstance(v, mp.mpf) else v, otypes=[object])
F = lambda a: np.asarray(a, dtype=float)
root, absol = np.vectorize(mp.sqrt, otypes=[object]), np.vectorize(abs, otypes=[object])
zeros = lambda *shape: M(np.zeros(shape))


def solve(A, b):
    """Gaussian elimination with partial pivoting on arrays of mpf; returns the solution and |det A|."""
    k = len(A)
    T, det = np.hstack([A, b.reshape(k, -1)]), mp.mpf(1)
    for i in range(k):
        r = i + int(np.argmax(F(absol(T[i:, i] / max(max(absol(T[i:, i])), mp.mpf(10) ** -300)))))
        T[[i, r]] = T[[r, i]]
        det *= abs(T[i, i])
        for m in range(i + 1, k):
            T[m, i:] = T[m, i:] - (T[m, i] / T[i, i]) * T[i, i:]
    for i in range(k - 1, -1, -1):
        T[i, k:] = (T[i, k:] - T[i, i + 1:k] @ T[i + 1:, k:]) / T[i, i]
    return T[:, k:].reshape(b.shape), det


norm = lambda v: mp.sqrt(v @ v) if len(v) else mp.mpf(0)


class Problem:
    """Omega = sum a_k |u_k| + sum_g c_g ||u_g|| + r/2 ||u||^2 over the p*q entries of U (row-major), centred and scaled data."""

    def __init__(self, x, y, a, groups, c, r=0.0, nonneg=False, weights=None, fit_intercept=True, standardize=False):
        self.x, self.y = M(x), M(y if np.ndim(y) == 2 else np.reshape(y, (-1, 1)))
        n, (self.p, self.q) = len(x), (np.shape(x)[1], self.y.shape[1])
        s = M(np.ones(n) if weights is None else weights)
        self.s, self.n = s * n / sum(s), n
        self.xm, self.ym = self.s @ self.x / n, self.s @ self.y / n
        self.sd = root(self.s @ (self.x - self.xm) ** 2 / n)                    # scale for reporting, always about the mean
        self.ysd = mp.sqrt(sum(self.s @ (self.y - self.ym) ** 2 / n))
        if not fit_intercept:
            self.xm, self.ym = zeros(self.p), zeros(self.q)
        self.d = self.sd if standardize else M(np.ones(self.p))
        self.X, self.Y = (self.x - self.xm) / self.d, self.y - self.ym
        self.G, self.C = self.X.T @ (self.s[:, None] * self.X) / n, self.X.T @ (self.s[:, None] * self.Y) / n
        self.scale = np.repeat(self.sd / self.d, self.q)
        P = self.p * self.q
        self.a = np.broadcast_to(np.asarray(a, dtype=float), (P,)).copy()
        self.groups, self.c = [np.asarray(g) for g in groups], M(c) if len(c) else []
        self.out = ~np.isfinite(self.a)                                         # excluded columns
        self.grp = np.full(P, -1)
        for k, g in enumerate(self.groups):
            self.grp[g] = k
        self.am, self.r, self.nonneg = M(np.where(self.out, 0, self.a)), M(r).item(), nonneg
        self.free = (self.a == 0) & np.array([g < 0 or self.c[g] == 0 for g in self.grp])

    def grad(self, u):
        return (self.G @ u.reshape(self.p, self.q) - self.C).ravel()

    def excess(self, g, k, lam):
        """Part of the gradient g that the l1 term cannot balance at zero, for the coordinates k."""
        down = np.array([max(-g[j] - lam * self.am[j], mp.mpf(0)) for j in k], dtype=object)
        return down if self.nonneg else down + np.array([max(g[j] - lam * self.am[j], mp.mpf(0)) for j in k], dtype=object)

    def stationarity(self, u, act, lam):
        """Gradient and Hessian of the objective on the active coordinates."""
        k = np.flatnonzero(act)
        g = self.grad(u)[k] + lam * (self.am[k] * np.array([mp.sign(v) for v in u[k]], dtype=object) + self.r * u[k])
        H = np.where((k[:, None] % self.q) == (k[None] % self.q), self.G[np.ix_(k // self.q, k // self.q)], mp.mpf(0))
        H = H + lam * self.r * np.eye(len(k), dtype=int)
        for gi, c in zip(self.groups, self.c):
            m = np.flatnonzero(np.isin(k, gi))
            if len(m) and c > 0:
                v = u[k[m]]; nv = norm(v)
                g[m] += lam * c * v / nv
                H[np.ix_(m, m)] += lam * c * (np.eye(len(m), dtype=int) / nv - np.outer(v, v) / nv ** 3)
        return k, g, H

    def polish(self, u, act, lam):
        """Newton on the active manifold; coordinates leave when they cross zero and enter when they violate KKT."""
        for _ in range(200):
            k, g, H = self.stationarity(u, act, lam)
            if len(k) and max(absol(g / self.scale[k])) > TINY * self.ysd:
                step = solve(H, -g)[0]
                cross = [(-u[j] / t, j) for j, t in zip(k, step) if self.a[j] > 0 and u[j] * (u[j] + t) <= 0]
                t, j = min(cross, default=(mp.mpf(1), None))
                u[k] += t * step
                if j is not None:
                    u[j], act[j] = mp.mpf(0), False
                continue
            g, bad = self.grad(u), []
            for j in np.flatnonzero(~act & ~self.out):
                e = self.excess(g, [j], lam)[0]
                if e > 0 and (self.grp[j] < 0 or act[self.groups[self.grp[j]]].any()):
                    bad.append((e / self.scale[j], j))
            if not bad:
                break
            j = max(bad)[1]
            act[j], u[j] = True, -mp.sign(g[j]) * mp.mpf("1e-30") * self.ysd / self.scale[j]
        kkt, margin = self.kkt(u, act, lam)
        assert kkt < mp.mpf("1e-35"), f"not optimal: {mp.nstr(kkt, 5)}"
        assert margin is None or margin > 1e-5, f"nearly active: {margin}"
        return u, kkt, margin

    def kkt(self, u, act, lam):
        """Largest violation, as a correlation (gradient / (sd_j sd_y)), and the smallest relative slack of a zero."""
        k, r, _ = self.stationarity(u, act, lam)
        g, viol, slack = self.grad(u), [abs(v) / self.scale[j] for v, j in zip(r, k)], []
        if self.nonneg:
            viol += [max(-v, mp.mpf(0)) for v in u[k]]
        for j in np.flatnonzero(~act & ~self.out):
            if self.grp[j] < 0 or act[self.groups[self.grp[j]]].any():
                viol.append(self.excess(g, [j], lam)[0] / self.scale[j])
                slack.append(1 - (-g[j] if self.nonneg else abs(g[j])) / (lam * self.am[j]))
        for gi, c in zip(self.groups, self.c):
            if not act[gi].any():
                e = norm(self.excess(g, gi, lam))
                viol.append(max(e - lam * c, mp.mpf(0)) / max(self.scale[gi]))
                slack.append(1 - e / (lam * c))
        return max(viol) / self.ysd, float(min(slack)) if slack else None

    def lambda_max(self):
        u, k = zeros(self.p * self.q), np.flatnonzero(self.free)
        if len(k):
            u[k] = solve(self.stationarity(u, self.free, mp.mpf(0))[2], -self.grad(u)[k])[0]
        g, best = self.grad(u), mp.mpf(0)
        for j in np.flatnonzero(~self.free & ~self.out & (self.grp < 0)):
            best = max(best, (max(-g[j], mp.mpf(0)) if self.nonneg else abs(g[j])) / self.am[j])
        for gi, c in zip(self.groups, self.c):
            if c > 0:                           # bisection: ||soft(g, lam a)|| = lam c falls in lam
                lo, hi = mp.mpf(0), norm(g[gi]) / c
                if not self.am[gi].any():
                    lo = hi
                while hi - lo > hi * mp.mpf("1e-30"):
                    mid = (lo + hi) / 2
                    lo, hi = (mid, hi) if norm(self.excess(g, gi, mid)) > mid * c else (lo, mid)
                best = max(best, hi)
        return best

    def objective(self, u, lam):
        R = self.Y - self.X @ u.reshape(self.p, self.q)
        om = self.am @ absol(u) + self.r * (u @ u) / 2 + sum(c * norm(u[g]) for g, c in zip(self.groups, self.c))
        return sum(self.s @ R ** 2) / (2 * self.n) + lam * om

    def user_units(self, u):
        w = u.reshape(self.p, self.q) / self.d[:, None]
        return w, self.ym - self.xm @ w


# ------------------------------------------------------------------ graphical lasso
def glasso_terms(S, T, lam, pairs):
    W, det = solve(T, M(np.eye(len(S))))
    sign = np.array([[mp.sign(v) if i != j else 0 for j, v in enumerate(row)] for i, row in enumerate(T)], dtype=object)
    R, sd = S - W + lam * sign, root(np.diag(S))
    viol = [abs(R[i, j]) / (sd[i] * sd[j]) for i, j in pairs]
    slack = [1 - abs(S[i, j] - W[i, j]) / lam for i in range(len(S)) for j in range(i) if T[i, j] == 0]
    obj = -mp.log(det) + (S * T).sum() + lam * (absol(T).sum() - np.trace(T))
    return W, R, max(viol), min(slack), obj


def glasso_polish(S, T, lam, pairs):
    """Newton on the entries `pairs` (i >= j) of the precision matrix T, signs fixed."""
    mult = np.array([1 if i == j else 2 for i, j in pairs], dtype=object)
    for _ in range(30):
        W, R, viol, slack, obj = glasso_terms(S, T, lam, pairs)
        if viol < TINY:
            break
        E = [np.outer(W[:, i], W[j]) + (np.outer(W[:, j], W[i]) if i != j else 0) for i, j in pairs]
        H = np.array([[m[i, j] for i, j in pairs] for m in E], dtype=object) * mult
        step = solve(H, -mult * np.array([R[i, j] for i, j in pairs], dtype=object))[0]
        for (i, j), t in zip(pairs, step):
            T[i, j] += t
            T[j, i] = T[i, j]
    assert viol < mp.mpf("1e-35") and slack > 1e-5, (viol, slack)
    return T, viol, slack, obj
