"""Writes vectors.json, what other people's packages say of the same inputs; the tests beside compare with it.

Run by hand, with Python 3.10 (confseq 0.0.11 has no wheels, and builds with a C++ compiler and Boost's headers, but not with Python 3.11 or later):

    python3.10 -m venv venv
    venv/bin/pip install confseq==0.0.11 gbstats==0.8.0 ssrm-test==0.1.5 scipy==1.15.3 numpy==1.26.4 mpmath==1.4.1
    venv/bin/python make.py && npm run format

The versions that were used are also written into the file.
"""

import json
import math
import pathlib
from importlib.metadata import version

import mpmath
import numpy as np
from confseq import boundaries
from confseq.betting import betting_cs, betting_mart
from confseq.betting_strategies import lambda_predmix_eb
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from gbstats.models.statistics import RegressionAdjustedStatistic, SampleMeanStatistic, compute_theta
from scipy import integrate, special, stats
from ssrm_test.ssrm_test import sequential_posteriors

random = np.random.default_rng(20260115)
mpmath.mp.dps = 40


def plain(value):
    """For JSON: no numpy types, and 15 digits, which is what the comparisons need."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (float, np.floating)):
        return float(f"{float(value):.15g}")
    return int(value) if isinstance(value, np.integer) else value


def special_functions():
    points = [1e-8, 0.1, 0.5, 1, 1.5, 2, 3.7, 9.99, 10, 25.5, 1000, 1e6, 1e12]
    pairs = [(0.001, 5), (0.5, 0.5), (1, 1), (2, 9), (3, 400), (12, 15), (0.3, 1e9), (50, 1e6), (1e6, 2e6), (5e5, 1e9)]
    return {
        "logGamma": [[x, special.gammaln(x)] for x in points],
        # scipy's own betaln is off by up to 10^-6 at the last pairs, as three logarithms of the gamma function are.
        "logBeta": [[a, b, float(mpmath.log(mpmath.beta(a, b)))] for a, b in pairs],
    }


def betting():
    streams = {
        "zeros and ones": (random.random(150) < 0.1).astype(float),
        "shares": np.round(random.beta(2, 5, 150), 3),
        "nearly constant": np.round(0.6 + 0.02 * random.standard_normal(120), 3),
    }
    cases = []
    for name, values in streams.items():
        for alpha, steps, theta, truncation in [(0.05, 100, 0.5, 0.5), (0.2, 60, 0.3, 0.9)]:
            lower, upper = betting_cs(
                values, alpha=alpha, breaks=steps, theta=theta, trunc_scale=truncation, running_intersection=True
            )
            times = [1, 2, 5, 10, 20, 50, 80, len(values)]
            candidate = round(float(values.mean()) * steps)
            # betting_mart scales alpha by theta itself, so the bets are passed as betting_cs passes them; theta 1 and 0 give either side alone.
            capital = {
                side: betting_mart(
                    values,
                    candidate / steps,
                    theta=only,
                    trunc_scale=truncation,
                    lambdas_fn_positive=lambda x, m: lambda_predmix_eb(x, alpha=alpha * theta),
                    lambdas_fn_negative=lambda x, m: lambda_predmix_eb(x, alpha=alpha * (1 - theta)),
                )[-1]
                for side, only in [("above", 1), ("below", 0)]
            }
            cases.append(
                {
                    "stream": name,
                    "alpha": alpha,
                    "steps": steps,
                    "theta": theta,
                    "truncation": truncation,
                    "intervals": [[t, lower[t - 1], upper[t - 1]] for t in times],
                    "candidate": candidate,
                    "capital": capital,
                }
            )
    return {"streams": streams, "cases": cases}


def mixture():
    intervals = []
    for n, total in [(10, 4), (100, 0), (100, 10), (100, 37.5), (1000, 3), (5000, 4990), (20000, 250.25), (1000000, 9876)]:
        for alpha, tightest_at in [(0.05, 1000), (0.01, 100), (0.2, 20000)]:
            lower, upper = boundaries.bernoulli_confidence_interval(total, n, alpha, tightest_at, 0.05)
            intervals.append([n, total, alpha, tightest_at, lower, upper])
    evidence = []
    for n, total, mean, tightest_at in [(50, 20, 0.3, 1000), (400, 30.5, 0.05, 200), (3000, 2000, 0.7, 1000), (20, 0, 0.2, 100)]:
        variance = mean * (1 - mean)
        log = boundaries.beta_binomial_log_mixture(
            total - n * mean, n * variance, variance * tightest_at, mean, 1 - mean, 0.05, False
        )
        doubled = 2 * math.log(1 / 0.05)
        units = tightest_at / (doubled + math.log1p(doubled)) - 1
        prior = stats.beta(units * mean, units * (1 - mean))

        def ratio(theta):
            log = total * math.log(theta / mean) + (n - total) * math.log((1 - theta) / (1 - mean))
            return prior.pdf(theta) * math.exp(log)

        peak = (units * mean + total) / (units + n)
        integral = sum(
            integrate.quad(ratio, a, b, epsabs=0, epsrel=1e-12, limit=500)[0]
            for a, b in [(0, peak / 2), (peak / 2, peak), (peak, (1 + peak) / 2), ((1 + peak) / 2, 1)]
        )
        evidence.append([n, total, mean, tightest_at, log, math.log(integral)])
    return {"intervals": intervals, "evidence": evidence}


def means():
    cases = []
    for n_a, n_b, effect, scale in [(120, 130, 0.0, 1.0), (300, 60, 0.4, 2.0), (150, 150, -1.0, 1.0)]:
        a = np.round(10 + scale * random.standard_normal(n_a), 2)
        b = np.round(10 + effect + random.standard_normal(n_b), 2)
        stat = [SampleMeanStatistic(n=len(v), sum=float(v.sum()), sum_squares=float((v * v).sum())) for v in (a, b)]
        for alpha, tightest_at in [(0.05, 5000), (0.01, 300)]:
            config = SequentialConfig(alpha=alpha, sequential_tuning_parameter=tightest_at, difference_type="absolute")
            test = SequentialTwoSidedTTest(*stat, config)
            ci, p, rho = test.confidence_interval, test.p_value, test.rho
            t, variance = len(b), float(np.var(b, ddof=1))
            margin = math.sqrt(variance * 2 * (t * rho**2 + 1) / (t * rho) ** 2 * math.log(math.sqrt(t * rho**2 + 1) / alpha))
            cases.append(
                {
                    "arms": [[len(v), float(np.mean(v)), float(np.var(v, ddof=1))] for v in (a, b)],
                    "alpha": alpha,
                    "tightestAt": tightest_at,
                    "rho": rho,
                    "interval": ci,
                    "p": p,
                    "intervalOfCandidate": [float(np.mean(b)) - margin, float(np.mean(b)) + margin],
                }
            )
    rhos = [
        [values, alpha, math.sqrt((-special.lambertw(-(alpha**2) / math.e, -1).real - 1) / values)]
        for values, alpha in [(1000, 0.05), (1, 0.5), (50000, 0.001), (100, 0.9)]
    ]
    return {"cases": cases, "rhos": rhos}


def quantiles():
    """As demo/quantiles.py of confseq has it, but None for an end where even the most extreme count is inside of the boundary."""
    cases = []
    for n in [1, 10, 100, 200, 1000, 5000, 200000]:
        for p, alpha, tightest_at in [(0.5, 0.05, 1000), (0.95, 0.05, 1000), (0.99, 0.01, 5000), (0.1, 0.2, 100)]:
            v, v_opt = p * (1 - p) * n, p * (1 - p) * tightest_at
            below = boundaries.beta_binomial_mixture_bound(v, alpha, v_opt, 1 - p, p, 0.05, False)
            above = boundaries.beta_binomial_mixture_bound(v, alpha, v_opt, p, 1 - p, 0.05, False)
            lower = None if below >= v / (1 - p) else math.floor(n * p - below + 1)
            upper = None if above >= v / p else math.ceil(n * p + above)
            cases.append([n, p, alpha, tightest_at, lower, upper])
    return cases


def sample_ratio():
    cases = []
    for shares, true, concentration in [
        ([0.5, 0.5], [0.5, 0.5], 1000),
        ([0.5, 0.5], [0.53, 0.47], 10000),
        ([0.9, 0.07, 0.03], [0.9, 0.05, 0.05], 100),
    ]:
        counts = [random.multinomial(int(random.integers(1, 400)), true) for _ in range(12)]
        posteriors = sequential_posteriors(np.array(counts), np.array(shares), dirichlet_concentration=concentration)
        cases.append(
            {
                "shares": shares,
                "concentration": concentration,
                "counts": counts,
                "logs": [each["log_bayes_factor"] for each in posteriors],
                "p": posteriors[-1]["p_value"],
            }
        )
    blocks = [([0.5, 0.5], [310, 260]), ([0.8, 0.2], [500, 160]), ([0.6, 0.3, 0.1], [70, 20, 25])]
    log = 0.0
    logs = []
    for shares, counts in blocks:
        prior, x = 500 * np.array(shares), np.array(counts)
        log += special.gammaln(500) - special.gammaln(500 + x.sum()) + (special.gammaln(prior + x) - special.gammaln(prior)).sum()
        log -= special.xlogy(x, shares).sum()
        logs.append(log)
    return {"cases": cases, "blocks": {"concentration": 500, "blocks": [[s, c] for s, c in blocks], "logs": logs}}


def cuped():
    arms = []
    for n, effect in [(60, 0.0), (45, 1.5)]:
        x = np.round(100 + 10 * random.standard_normal(n), 1)
        arms.append((x, np.round(20 + effect + 0.4 * (x - 100) + 3 * random.standard_normal(n), 1)))

    def of(values):
        return SampleMeanStatistic(n=len(values), sum=float(values.sum()), sum_squares=float((values * values).sum()))

    def statistic(x, y, theta):
        return RegressionAdjustedStatistic(
            n=len(x), post_statistic=of(y), pre_statistic=of(x), post_pre_sum_of_products=float((x * y).sum()), theta=theta
        )

    theta = compute_theta(*(statistic(x, y, 0) for x, y in arms))
    adjusted = [statistic(x, y, theta) for x, y in arms]
    return {
        "arms": [{"x": x, "y": y} for x, y in arms],
        "theta": theta,
        "means": [each.mean for each in adjusted],
        "variances": [each.variance for each in adjusted],
    }


vectors = {
    "versions": {name: version(name) for name in ["confseq", "gbstats", "ssrm-test", "scipy", "numpy", "mpmath"]},
    "special": special_functions(),
    "betting": betting(),
    "mixture": mixture(),
    "means": means(),
    "quantiles": quantiles(),
    "sampleRatio": sample_ratio(),
    "cuped": cuped(),
}
target = pathlib.Path(__file__).with_name("vectors.json")
target.write_text(json.dumps(plain(vectors)) + "\n")
