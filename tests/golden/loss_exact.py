"""Exact side of the loss goldens: penalised generalised-linear losses in 50-digit arithmetic (next to golden_exact.py)."""
import mpmath as mp
import numpy as np
from golden_exact import F, M, TINY, Problem, absol, norm, root, solve, zeros

vec = lambda f: np.vectorize(f, otypes=[object])
vexp, vlog1pexp = vec(mp.exp), vec(lambda t: mp.log1p(mp.exp(t)) if t < 0 else t + mp.log1p(mp.exp(-t)))
vsigmoid = vec(lambda t: 1 / (1 + mp.exp(-t)))
BIG = mp.mpf(10) ** -42


class Separable:
    """(1/n) sum_i s_i l(y_i, eta_i), eta n x q, with response-wise curvature; subclasses give l, l', l'' elementwise."""
    parameters = {}

    def __init__(self, y, q=1, **parameters):
        self.y, self.q, self.parameters = M(np.reshape(y, (len(y), -1))), q, parameters

    def weigh(self, s):
        self.s, self.n = s, len(s)
        return self

    def value(self, eta):
        return sum(self.s @ self.l(eta)) / self.n

    def grad(self, eta):
        return self.s[:, None] * self.dl(eta) / self.n

    def hess(self, eta, A, cls):
        h = self.s[:, None] * self.ddl(eta) / self.n
        H = zeros(A.shape[1], A.shape[1])
        for c in range(self.q):
            k = np.flatnonzero(cls == c)
            H[np.ix_(k, k)] = A[:, k].T @ (h[:, [c]] * A[:, k])
        return H

    def start(self, r):                         # intercept to start the null model from; r: y - offset
        return 0.0

    def edge(self, eta):                        # distance to the nearest kink of l' (None if l is smooth)
        return None


class Logistic(Separable):
    name = "logistic"
    l = lambda self, e: vlog1pexp(e) - self.y * e
    dl = lambda self, e: vsigmoid(e) - self.y
    ddl = lambda self, e: vsigmoid(e) * vsigmoid(-e)


class MultitaskLogistic(Logistic):
    name = "multitask_logistic"


class Poisson(Separable):
    name = "poisson"
    l = lambda self, e: vexp(e) - self.y * e
    dl = lambda self, e: vexp(e) - self.y
    ddl = lambda self, e: vexp(e)


class Gamma(Separable):
    name = "gamma"
    l = lambda self, e: e + self.y * vexp(-e)
    dl = lambda self, e: 1 - self.y * vexp(-e)
    ddl = lambda self, e: self.y * vexp(-e)


class Huber(Separable):
    name = "huber"
    start = lambda self, r: float(np.median(r))

    def l(self, e):
        d = M(self.parameters["delta"]).item()
        return vec(lambda r: r * r / 2 if abs(r) <= d else d * abs(r) - d * d / 2)(self.y - e)

    def dl(self, e):
        d = M(self.parameters["delta"]).item()
        return vec(lambda r: -max(-d, min(d, r)))(self.y - e)

    def ddl(self, e):
        d = M(self.parameters["delta"]).item()
        return vec(lambda r: mp.mpf(abs(r) <= d))(self.y - e)

    def edge(self, e):
        return float(min(absol(absol(self.y - e)[:, 0] - self.parameters["delta"])))


class SquaredHinge(Separable):
    name = "squared_hinge"
    l = lambda self, e: vec(lambda t: max(1 - t, mp.mpf(0)) ** 2 / 2)(self.y * e)
    dl = lambda self, e: -self.y * vec(lambda t: max(1 - t, mp.mpf(0)))(self.y * e)
    ddl = lambda self, e: vec(lambda t: mp.mpf(t < 1))(self.y * e)

    def edge(self, e):
        return float(min(absol(1 - self.y * e)[:, 0]))


class SqrtLasso(Separable):
    name = "sqrt_lasso"
    start = lambda self, r: float(np.mean(r))

    def value(self, e):
        return mp.sqrt(sum(self.s @ (self.y - e) ** 2) / self.n)

    def grad(self, e):
        return -self.s[:, None] * (self.y - e) / (self.n * self.value(e))

    def hess(self, e, A, cls):
        f, v = self.value(e), A.T @ self.grad(e)[:, 0]
        return (A.T @ (self.s[:, None] * A) / self.n - np.outer(v, v)) / f


class Multinomial(Separable):
    name = "multinomial"

    def __init__(self, labels, classes):
        Y = np.eye(classes)[np.asarray(labels)]
        super().__init__(Y, classes, classes=classes)
        self.labels = labels

    def prob(self, e):
        E = vexp(e - np.max(e, axis=1)[:, None])
        return E / E.sum(axis=1)[:, None]

    def value(self, e):
        m = np.max(e, axis=1)
        lse = m + vec(mp.log)(vexp(e - m[:, None]).sum(axis=1))
        return self.s @ (lse - (self.y * e).sum(axis=1)) / self.n

    def grad(self, e):
        return self.s[:, None] * (self.prob(e) - self.y) / self.n

    def hess(self, e, A, cls):
        P = self.prob(e)[:, cls] * A
        D = P.T @ (self.s[:, None] * A)
        return (np.where(cls[:, None] == cls[None], D, mp.mpf(0)) - P.T @ (self.s[:, None] * P)) / self.n


class Cox(Separable):
    """Terms weight * log(sum_i c_i e^eta_i), one for each event; at risk at t: start < t <= stop, same stratum."""
    name = "cox"

    def __init__(self, time, status, ties, start=None, strata=None):
        n = len(time)
        self.time, self.status, self.strata0 = np.asarray(time, float), np.asarray(status), strata
        self.begin0, self.begin = start, np.full(n, -np.inf) if start is None else np.asarray(start, float)
        self.strata = np.zeros(n, int) if strata is None else np.asarray(strata)
        self.ties = ties
        super().__init__(np.zeros(n), 1, ties=ties)

    def weigh(self, s):
        super().weigh(s)
        self.ev, C, wt = zeros(self.n), [], []
        for g in np.unique(self.strata):
            for t in np.unique(self.time[(self.strata == g) & (self.status == 1)]):
                dead = np.flatnonzero((self.strata == g) & (self.time == t) & (self.status == 1) & (F(s) > 0))
                risk = np.flatnonzero((self.strata == g) & (self.begin < t) & (self.time >= t))
                self.ev[dead] += s[dead]
                for l in range(len(dead)):
                    c = zeros(self.n)
                    c[risk] = s[risk]
                    if self.ties == "efron":
                        c[dead] = s[dead] * mp.mpf(len(dead) - l) / len(dead)
                    C.append(c), wt.append(sum(s[dead]) / len(dead))
        self.C, self.wt = np.array(C, dtype=object), np.array(wt, dtype=object)
        return self

    def parts(self, e):
        m = max(e[:, 0])
        P = self.C * vexp(e[:, 0] - m)
        S = P.sum(axis=1)
        return P / S[:, None], m + vec(mp.log)(S)

    def value(self, e):
        return (self.wt @ self.parts(e)[1] - self.ev @ e[:, 0]) / self.n

    def grad(self, e):
        return ((self.wt @ self.parts(e)[0] - self.ev) / self.n)[:, None]

    def hess(self, e, A, cls):
        P = self.parts(e)[0]
        V = P @ A
        return (A.T @ ((self.wt @ P)[:, None] * A) - V.T @ (self.wt[:, None] * V)) / self.n


class Quantile(Separable):
    name = "quantile"

    def l(self, e):
        t = M(self.parameters["tau"]).item()
        return vec(lambda r: t * r if r >= 0 else (t - 1) * r)(self.y - e)


class LossProblem(Problem):
    """Coordinates: q intercepts, then the p x q coefficients row by row, in the units of x / d (d = sd if standardize).

    Omega = sum a_k |u_k| + sum_g c_g ||u_g|| + r/2 ||u||^2 over the coefficients; groups are lists of indices into the p*q.
    """

    def __init__(self, loss, x, a, groups, c, r=0.0, nonneg=False, weights=None, offset=None, fit_intercept=True, standardize=False):
        self.x, n, self.p, self.q = M(x), len(x), np.shape(x)[1], loss.q
        p, q = self.p, self.q
        s = M(np.ones(n) if weights is None else weights)
        self.s, self.n = s * n / sum(s), n
        self.loss, self.o = loss.weigh(self.s), M(np.zeros(n) if offset is None else offset)[:, None]
        self.xm = self.s @ self.x / n
        self.sd = root(self.s @ (self.x - self.xm) ** 2 / n)
        self.d = self.sd if standardize else M(np.ones(p))
        self.D = np.hstack([M(np.ones((n, 1))), self.x / self.d])
        self.col = np.concatenate([np.zeros(q, int), 1 + np.arange(p * q) // q])
        self.cls = np.concatenate([np.arange(q), np.arange(p * q) % q])
        self.scale = np.concatenate([M(np.ones(q)), np.repeat(self.sd / self.d, q)])
        self.a = np.concatenate([np.full(q, 0.0 if fit_intercept else np.inf), np.broadcast_to(np.asarray(a, float), (p * q,))])
        self.groups, self.c = [np.asarray(g) + q for g in groups], M(c) if len(c) else []
        self.out, self.grp = ~np.isfinite(self.a), np.full(q + p * q, -1)
        for k, g in enumerate(self.groups):
            self.grp[g] = k
        self.am, self.nonneg = M(np.where(self.out, 0, self.a)), nonneg
        self.ridge = np.concatenate([zeros(q), np.full(p * q, M(r).item())])
        self.free = (self.a == 0) & np.array([g < 0 or self.c[g] == 0 for g in self.grp])
        # softmax does not see a common shift over the classes: (sum of the class's coefficients)^2 / 2 for the free rows
        self.gauge = sorted(set(self.col[self.free])) if loss.name == "multinomial" else []
        self.ysd = mp.mpf(1)
        self.null = self.null_model()
        G = self.loss.grad(self.eta(self.null))
        pos = F(self.s) > 0                     # the unit of a gradient: rms of l' in the null model (sd_y for least squares)
        self.ysd = mp.sqrt(self.n * sum(sum(G[pos] ** 2 / self.s[pos][:, None])))

    def eta(self, u):
        k = np.flatnonzero(F(absol(u)).reshape(-1, self.q).any(axis=1) if len(u) else [])
        return self.o + self.D[:, k] @ u.reshape(-1, self.q)[k]

    def grad(self, u):
        g = (self.D.T @ self.loss.grad(self.eta(u))).ravel()
        for j in self.gauge:
            g[self.col == j] += sum(u[self.col == j])
        return g

    def penalty(self, u):
        return self.am @ absol(u) + self.ridge @ u ** 2 / 2 + sum(c * norm(u[g]) for g, c in zip(self.groups, self.c))

    def objective(self, u, lam):
        return self.loss.value(self.eta(u)) + lam * self.penalty(u)

    def merit(self, u, lam):
        return self.objective(u, lam) + sum(sum(u[self.col == j]) ** 2 for j in self.gauge) / 2

    def stationarity(self, u, act, lam, hessian=True):
        k = np.flatnonzero(act)
        g = self.grad(u)[k] + lam * (self.am[k] * np.array([mp.sign(v) for v in u[k]], dtype=object) + self.ridge[k] * u[k])
        H = None
        if hessian:
            H = self.loss.hess(self.eta(u), self.D[:, self.col[k]], self.cls[k]) + lam * np.diag(self.ridge[k])
            for j in self.gauge:
                m = np.flatnonzero(self.col[k] == j)
                H[np.ix_(m, m)] += 1
        for gi, c in zip(self.groups, self.c):
            m = np.flatnonzero(np.isin(k, gi))
            if len(m) and c > 0:
                v = u[k[m]]; nv = norm(v)
                g[m] += lam * c * v / nv
                if hessian:
                    H[np.ix_(m, m)] += lam * c * (np.eye(len(m), dtype=int) / nv - np.outer(v, v) / nv ** 3)
        return k, g, H

    def newton(self, u, act, lam):
        """Damped Newton on the active coordinates; those that cross zero leave.  True when stationary."""
        for _ in range(200):
            k, g, H = self.stationarity(u, act, lam)
            if not len(k) or max(absol(g / self.scale[k])) <= TINY * self.ysd:
                return True
            step = solve(H, -g)[0]
            cross = [(-u[j] / t, j) for j, t in zip(k, step) if self.a[j] > 0 and u[j] * (u[j] + t) <= 0]
            t, j = min(cross, default=(mp.mpf(1), None))
            f = self.merit(u, lam)
            for _ in range(60):
                v = u.copy(); v[k] += t * step
                if j is not None:
                    v[j] = mp.mpf(0)
                if self.merit(v, lam) <= f + BIG * (1 + abs(f)):
                    break
                t, j = t / 2, None
            u[:] = v
            if j is not None:
                act[j] = False
        return False

    def null_model(self):
        u = zeros(self.q + self.p * self.q)
        if self.free[0]:
            u[0] = M(self.loss.start(F(self.loss.y - self.o)[F(self.s) > 0])).item()
        assert self.newton(u, self.free.copy(), mp.mpf(0))
        return u

    def polish(self, u, act, lam):
        for _ in range(100):
            assert self.newton(u, act, lam), "Newton did not end"
            g, bad = self.grad(u), []
            for j in np.flatnonzero(~act & ~self.out):
                e = self.excess(g, [j], lam)[0]
                if e > 0 and (self.grp[j] < 0 or act[self.groups[self.grp[j]]].any()):
                    bad.append((e / self.scale[j], j))
            if not bad:
                break
            j = max(bad)[1]
            act[j], u[j] = True, -mp.sign(g[j]) * mp.mpf("1e-30") / self.scale[j]
        kkt, margin = self.kkt(u, act, lam)
        assert kkt < mp.mpf("1e-35"), f"not optimal: {mp.nstr(kkt, 5)}"
        assert margin is None or margin > 1e-4, f"nearly active: {margin}"
        return u, kkt, margin

    def kkt(self, u, act, lam):
        k, r, _ = self.stationarity(u, act, lam, False)
        g, viol, slack = self.grad(u), [abs(v) / self.scale[j] for v, j in zip(r, k)] + [mp.mpf(0)], []
        if self.nonneg:
            viol += [max(-u[j], mp.mpf(0)) for j in k if j >= self.q]
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

    def lambda_max(self, g=None):
        g, best = self.grad(self.null) if g is None else g, mp.mpf(0)
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

    def user_units(self, u):
        return u[self.q:].reshape(self.p, self.q) / self.d[:, None], u[:self.q]

    def from_user(self, w, b):
        return np.concatenate([M(np.reshape(b, -1)), (M(np.reshape(w, (self.p, self.q))) * self.d[:, None]).ravel()])


class QuantileProblem(LossProblem):
    """l1 only.  A vertex: as many rows interpolated as there are active coordinates; both systems are solved exactly."""

    def vertex(self, act, rows, lam, signs):
        """(u, dual theta) with theta_i = s_i/n * (a number in [tau - 1, tau]), equal to the bound off `rows`."""
        k, t = np.flatnonzero(act), M(self.loss.parameters["tau"]).item()
        assert len(k) == len(rows), (len(k), len(rows))
        A, y = self.D[:, self.col[k]], (self.loss.y - self.o)[:, 0]
        u = zeros(self.q + self.p)
        u[k] = solve(A[rows], y[rows])[0]
        r = (self.loss.y - self.eta(u))[:, 0]
        theta = self.s / self.n * np.array([t if v > 0 else t - 1 for v in r], dtype=object)
        off = np.setdiff1d(np.arange(self.n), rows)
        theta[rows] = solve(A[rows].T, lam * self.am[k] * signs[k] - A[off].T @ theta[off])[0]
        return u, theta, r, off

    def null_model(self):
        """The intercept at the data's tau-quantile; n tau is not an integer, so the dual is unique too."""
        y, t = (self.loss.y - self.o)[:, 0], self.loss.parameters["tau"]
        best = min(range(self.n), key=lambda i: sum(self.s @ self.loss.l(self.o + y[i])))
        assert self.free.sum() == 1 and self.free[0]
        u, self.null_theta, r, off = self.vertex(self.free, np.array([best]), mp.mpf(0), zeros(self.q + self.p))
        assert self.inside(self.null_theta, [best]) > 1e-4
        return u

    def inside(self, theta, rows):
        t = self.loss.parameters["tau"]
        z = np.array([theta[i] * self.n / self.s[i] for i in rows], dtype=object)
        return float(min(min(t - z), min(z - (t - 1))))

    def __init__(self, loss, x, a, *args, **kw):
        loss.grad = lambda eta: M(np.ones((len(x), 1)))        # only to pass the parent's constructor
        super().__init__(loss, x, a, *args, **kw)
        self.ysd = mp.sqrt(self.n * sum(self.null_theta ** 2 / self.s))

    def lambda_max(self):
        return super().lambda_max(-(self.D.T @ self.null_theta))

    def polish_vertex(self, u, lam):
        z = F(u) * F(self.scale)
        act = (np.abs(z) > 1e-6 * np.abs(z[1:]).max()) & ~self.out | self.free
        res = np.abs(F(self.loss.y - self.eta(M(np.where(act, F(u), 0)))))[:, 0]
        rows = np.sort(np.argsort(res)[:act.sum()])
        signs = M(np.sign(F(u)))
        u, theta, r, off = self.vertex(act, rows, lam, signs)
        k = np.flatnonzero(act)
        assert all(mp.sign(u[j]) == signs[j] for j in k if self.a[j] > 0)
        return u, act, rows, self.vertex_kkt(u, act, rows, theta, lam)

    def vertex_kkt(self, u, act, rows, theta, lam):
        g, k = -(self.D.T @ theta), np.flatnonzero(act)
        st = g[k] + lam * self.am[k] * np.array([mp.sign(v) for v in u[k]], dtype=object)
        idle = np.flatnonzero(~act & ~self.out)
        margin = min(float(1 - abs(g[j]) / (lam * self.am[j])) for j in idle)
        res = (self.loss.y - self.eta(u))[:, 0]
        edge = float(min(absol(np.delete(res, rows))))          # the other residuals are away from zero
        inner = self.inside(theta, rows)
        assert margin > 1e-4 and inner > 1e-4 and edge > 1e-6, (margin, inner, edge)
        kkt = max(max(absol(st / self.scale[k])) / self.ysd, max(absol(res[rows])))
        assert kkt < mp.mpf("1e-35"), kkt
        return kkt, margin, inner, edge
