"""Who is served first: firmer classes before others, and within a class the earlier claim before the later."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.db.models import Case, IntegerField, Q, Value, When
from numpy.typing import NDArray

from marketplace.capacity.models import COMMITTED, HELD, ClaimLine
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period


@dataclass(frozen=True)
class Served:
    """A claim's block from the first day asked on: `required` (days,) is all that is served before it, and itself,
    its own `gpus`."""

    claim_id: int
    period: Period
    required: NDArray[np.int64]
    gpus: int


def served(*, pool_id: int, claim_ids: Collection[int], first_day: date, now: datetime) -> list[Served]:
    """The blocks of these claims in the pool, as far as they are not over on `first_day`.

    Cost follows the claims asked for times the days, plus all live claims of the pool once, summed as arrays.
    """
    live = Q(claim__status=COMMITTED) | Q(claim__status=HELD, claim__expires_at__gt=now)
    surest = Case(
        *(When(claim__firmness=name, then=Value(rank(name))) for name in FIRMNESS), output_field=IntegerField()
    )
    lines = (
        ClaimLine.objects.filter(live, pool_id=pool_id, occupied_end__gt=first_day)
        .order_by(surest, "claim_id", "pk")
        .values_list("claim_id", "start", "end", "occupied_end", "quantity")
    )
    rows = list(lines)
    if not rows:
        return []
    claims, starts, ends, occupied, gpus = (np.array(column) for column in zip(*rows, strict=True))
    day = np.datetime64(first_day)
    begin, until = ((dates.astype("datetime64[D]") - day).astype(np.int64) for dates in (starts, occupied))
    begin = np.maximum(begin, 0)
    steps = np.zeros(int(until.max()) + 1, dtype=np.int64)
    found, summed = [], 0
    for row in np.flatnonzero(np.isin(claims, list(claim_ids))).tolist():
        np.add.at(steps, begin[summed : row + 1], gpus[summed : row + 1])
        np.subtract.at(steps, until[summed : row + 1], gpus[summed : row + 1])
        summed = row + 1
        if ends[row] > first_day:
            period = Period(max(starts[row], first_day), ends[row])
            use = np.cumsum(steps[: (period.end - first_day).days])
            found.append(Served(int(claims[row]), period, use[(period.start - first_day).days :], int(gpus[row])))
    return found
