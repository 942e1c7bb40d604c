"""Simulates git_bayesect itself over linear histories; prints JSON lines like noisy.rs.

Arguments: how many commits, how many simulations. Its pure class is driven, not its command, and
in the way that its command drives it: commit 0 of its list is the newest, failures are recorded.
"""

import json
import random
import sys
import time

RATES = [(0.95, 0.75), (0.9, 0.1), (0.7, 0.3)]
MARKS = [50, 100, 300]


def simulate(bisector, commits, before, after, nth):
    """Whether the likeliest commit is right after so many runs, and the slowest choice in ms."""
    draw = random.Random(nth)
    brought = 1 + draw.randrange(commits)
    right, slowest = [], 0.0
    for run in range(1, MARKS[-1] + 1):
        begun = time.perf_counter()
        index = int(bisector.select())
        slowest = max(slowest, (time.perf_counter() - begun) * 1000)
        rate = after if commits - index >= brought else before
        bisector.record(index, draw.random() >= rate)
        if run in MARKS:
            right.append(commits - int(bisector.distribution.argmax()) == brought)
        # As in noisy.rs: 90/10 is over after a hundred runs.
        if run == 100 and before - after > 0.5:
            return [*right, right[-1]], slowest
    return right, slowest


def main():
    try:
        import numpy
        from git_bayesect import Bisector
    except ImportError:
        print("git_bayesect is not installed and left out: pip install git_bayesect", file=sys.stderr)
        return
    commits, count = int(sys.argv[1]), int(sys.argv[2])
    for before, after in RATES:
        for name, prior in (("git_bayesect", 0.5), ("git_bayesect, Beta(1,1)", 1.0)):
            sums, slowest = [0] * len(MARKS), 0.0
            for nth in range(count):
                bisector = Bisector(numpy.ones(commits + 1), prior, prior, prior, prior)
                right, took = simulate(bisector, commits, before, after, nth)
                sums = [total + int(one) for total, one in zip(sums, right)]
                slowest = max(slowest, took)
            row = {"who": name, "rates": [before, after], "right": sums, "slowest": slowest}
            print(json.dumps(row), flush=True)


main()
