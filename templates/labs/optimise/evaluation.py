"""Score one experiment: the sum of radii of its circles, if they keep every rule exactly."""

import math
from fractions import Fraction
from itertools import combinations

from leanlab import labkit

Circle = tuple[float, float, float]


def evaluate(candidate: labkit.Candidate, lab: labkit.Lab) -> labkit.Verdict:
    """Call pack once, in the open: there is nothing to hide, only rules to keep."""
    count = lab.params["circles"]
    replies = candidate.call("pack", [count], returns=list[Circle], public=True, max_failed=0.0)
    circles = replies.values[0]
    fault = broken(circles, count)
    if fault is not None:
        return labkit.Verdict.failed("crashed", "a rule is broken", fault)
    radii = [r for _, _, r in circles]
    return labkit.Verdict(metrics={"sum_of_radii": math.fsum(radii), "smallest": min(radii)})


def broken(circles: list[Circle], count: int) -> str | None:
    """Say which rule is broken, or return None. A float is a fraction, so nothing is rounded."""
    if len(circles) != count:
        return f"There are {len(circles)} circles, not {count}."
    exact = [tuple(map(Fraction, circle)) for circle in circles]
    for i, (x, y, r) in enumerate(exact):
        if r <= 0:
            return f"Circle {i} has radius {float(r)!r}; it must be above 0."
        out = max(r - x, r - y, x + r - 1, y + r - 1)
        if out > 0:
            return f"Circle {i} is outside the square by {float(out):.3g}."
    for (i, (x, y, r)), (j, (u, v, s)) in combinations(enumerate(exact), 2):
        if (x - u) ** 2 + (y - v) ** 2 < (r + s) ** 2:
            distance = math.hypot(float(x - u), float(y - v))
            return f"Circles {i} and {j} overlap by about {float(r + s) - distance:.3g}."
    return None


if __name__ == "__main__":
    labkit.main(evaluate)
