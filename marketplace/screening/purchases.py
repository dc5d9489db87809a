"""What a purchase asks before it takes anything, in one statement: may it be signed, and is it clear?"""

from datetime import datetime

from django.db import connection

from marketplace.journal.actor import Actor
from marketplace.parties.signing import STANDING, Standing, standing_asked, standing_read
from marketplace.screening.queries import DEALS, Party, deals_asked, deals_read
from marketplace.units.money import Money

_BOTH = f"SELECT * FROM ({STANDING}) AS standing, ({DEALS}) AS deal"


def purchase_standing(
    *, deal: Party, by: Actor, seller_id: int, amount: Money, now: datetime, cost_centre: str | None = None
) -> tuple[Standing, bool]:
    """`signing.standing` and `queries.clear` of one deal. Nothing is refused here."""
    asked = standing_asked(
        organisation_id=deal.organisation_id,
        by=by,
        seller_id=seller_id,
        amount=amount,
        now=now,
        cost_centre=cost_centre,
    )
    with connection.cursor() as cursor:
        cursor.execute(_BOTH, asked | deals_asked([deal], now))
        row = cursor.fetchone()
    width = len(row) - DEAL_COLUMNS
    return standing_read(row[:width]), deals_read([row[width:]])[0]


DEAL_COLUMNS = 12
