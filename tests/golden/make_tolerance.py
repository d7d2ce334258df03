"""Writes tolerance.csv: bounds on the rate of a binomial distribution from SciPy's beta distribution, and the most of n
parts that may exceed a threshold from its binomial distribution.

    pip install scipy && python3 make_tolerance.py > tolerance.csv
"""
from scipy.stats import beta, binom

print("n,rate,confidence,above,bound")
for n in (1, 3, 4, 5, 20, 58, 59, 92, 93, 298, 299, 473, 1000, 20000):
    for rate in (0.001, 0.01, 0.05, 0.5, 0.7):
        for confidence in (0.6, 0.95, 0.99):
            # The most that may be above: -1 where not even none is enough.
            above = -1
            while above + 1 < n and binom.cdf(above + 1, n, rate) <= 1 - confidence:
                above += 1
            bound = beta.ppf(confidence, max(above, 0) + 1, n - max(above, 0))
            print(f"{n},{rate},{confidence},{above},{bound:.12g}")
