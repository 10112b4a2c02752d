"""Parts of a comparison that run apart, on several machines."""

from __future__ import annotations

import re
from typing import NamedTuple

from nets_deap.util.errors import NetsError

MOST_SHARDS = 1000


class Shard(NamedTuple):
    """The part `number`, from 1 on, `of` so many parts; written 1/3."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str | None) -> Shard:
        """None is the whole. Raises NetsError for any other text."""
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text or "1/1", re.ASCII)
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.of <= MOST_SHARDS:
            raise NetsError(
                f"`shard` {text}: expected NUMBER/PARTS, such as 1/3, 2/3 and 3/3 for three machines; "
                f"{MOST_SHARDS:,} parts at most"
            )
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def others(self) -> list[Shard]:
        """All parts of the same whole, this one too."""
        return [Shard(number, self.of) for number in range(1, self.of + 1)]

    def holds(self, *place: int) -> bool:
        """Is a trial in this part?

        place: its numbers among the seeds, densities and methods. Their sum decides, as in a Latin square:
            one step in any of them leads to the next part, so that each part has its share of every one.
        """
        return sum(place) % self.of == self.number - 1
