"""How many seeds would probably decide what an interval has left open?"""

from __future__ import annotations

import math

POWER = 0.8  # the chance to decide
MOST = 1000


def seeds_to_decide(distance: float, half_width: float, seeds: int) -> int | None:
    """The least number of seeds whose 95 % interval would exclude 0 with a chance of POWER.

    distance: the mean difference from what would decide, measured with `seeds` seeds; half_width: of its
        95 % t-interval. The answer takes both the difference and its spread as they were measured.
    None if that are more than MOST, or if nobody can say.

    The usual sample size of a paired t-test: n with (t₀.₉₇₅ + t₀.₈) · s / √n ≤ |distance|, where the
    quantiles have n − 1 degrees of freedom.
    """
    from scipy import stats

    if seeds < 2 or not (math.isfinite(distance) and math.isfinite(half_width)):
        return None
    spread = half_width * math.sqrt(seeds) / stats.t.ppf(0.975, seeds - 1)

    def decide(count: int) -> bool:
        reach = stats.t.ppf(0.975, count - 1) + stats.t.ppf(POWER, count - 1)
        return bool(reach * spread <= abs(distance) * math.sqrt(count))

    return next((count for count in range(seeds + 1, MOST + 1) if decide(count)), None)
