"""The main job end to end over HTTP, as a bank's own program would do it: need, offer, quote, reservation.

It only reads what the API answers, so it also shows what a client has to know: a key, and nothing else.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from marketplace.local import web
from marketplace.local.says import CannotStart, say

QUANTITIES = (64, 32, 16, 8)
DAYS = 30


class WalkFailed(CannotStart):
    """A step of the main job did not do what it must."""


@dataclass(frozen=True)
class Client:
    address: str
    key: str

    def get(self, path: str, **query: str) -> Any:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.ask("GET", f"{path}?{text}" if text else path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.ask("POST", path, body=body or {}, headers={"Idempotency-Key": str(uuid4())})

    def ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            return web.request(method, f"{self.address}/api/v1{path}", key=self.key, **more)
        except (web.HttpProblem, OSError) as error:
            raise WalkFailed(str(error)) from error


@dataclass
class Report:
    """Numbers the steps as they are told."""

    told: int = field(default=0)

    def __call__(self, text: str) -> None:
        self.told += 1
        say(f"  {self.told}. {text}")


def walk(address: str, cast: Any) -> str:
    """Returns the last line, so that it can be said when everything has stopped."""
    client, tell = Client(address, cast["keys"][0]["key"]), Report()
    say(f"\nThe main job over REST, as {cast['keys'][0]['organisation']}:")
    need, offer = find_offer(client, tell)
    quote = take_quote(client, offer, tell)
    reservation = accept(client, quote, tell)
    show_dearer(client, need, offer, tell)
    show_market(client, offer["pool"], tell)
    return last_line(reservation)


def find_offer(client: Client, tell: Report) -> tuple[Any, Any]:
    """The cheapest offer, and the need narrowed to its site and start, so that its price can be asked again."""
    pools = client.get("/pools")["data"]
    accelerators = sorted({pool["accelerator"] for pool in pools})
    tell(f"GET /pools: {len(pools)} pools of {', '.join(accelerators)}")
    for wanted in needs(accelerators):
        search = client.post("/offers", wanted)
        if search["offers"]:
            break
    else:
        raise WalkFailed(f"nothing fits, not even {wanted}: {search['refusal']}")
    offer = next(each for each in search["offers"] if "cheapest" in each["ranks"])
    tell(f"POST /offers for {wanted['quantity']} GPUs, {DAYS} days, firm: {len(search['offers'])} offers, cheapest")
    say(f"     {describe(offer)}, confidence {offer['delivery_confidence']}")
    return narrowed(wanted, offer), offer


def needs(accelerators: list[str]) -> list[dict[str, Any]]:
    first = date.today() + timedelta(60)
    start = {"from": first.isoformat(), "to": (first + timedelta(45)).isoformat()}
    return [
        {"accelerators": [each], "quantity": quantity, "duration_days": DAYS, "start": start, "firmness": "firm"}
        for quantity in QUANTITIES
        for each in accelerators
    ]


def narrowed(need: dict[str, Any], offer: Any) -> dict[str, Any]:
    start = {"from": offer["start"], "to": offer["start"]}
    return need | {"sites": [offer["site"]], "start": start, "quantity": offer["quantity"]}


def take_quote(client: Client, offer: Any, tell: Report) -> Any:
    quote = client.post("/quotes", {"offer": offer["id"]})
    must(quote["status"] == "open", f"the quote is {quote['status']}, not open")
    must(amount(quote) <= amount(offer), f"the quote costs {money(quote)}, more than its offer {money(offer)}")
    tell(f"POST /quotes: {quote['id']} at {money(quote)} holds the capacity until {quote['expires_at']}")
    return quote


def accept(client: Client, quote: Any, tell: Report) -> Any:
    made = client.post(f"/quotes/{quote['id']}/accept")
    tell(f"POST /quotes/{{id}}/accept: {made['id']}")
    stored = client.get(f"/reservations/{made['id']}")
    must(stored["quote"] == quote["id"] and stored["total"] == quote["total"], f"the reservation differs: {stored}")
    tell(f"GET /reservations/{{id}}: {stored['status']}, {describe(stored)}")
    return stored


def show_dearer(client: Client, need: Any, before: Any, tell: Report) -> None:
    search = client.post("/offers", need)
    after = next((each for each in search["offers"] if each["pool"] == before["pool"]), None)
    if after is None:
        raise WalkFailed(f"the same need is no longer offered: {search['refusal'] or search['offers']}")
    must(amount(after) > amount(before), f"the next total is {money(after)}, not above {money(before)}")
    rise = (amount(after) / amount(before) - 1) * 100
    tell(f"POST /offers again for the same need: {money(after)}, {rise:.2f} % dearer than {money(before)}")


def show_market(client: Client, pool: str, tell: Report) -> None:
    first = date.today() + timedelta(60)
    days = {"from": first.isoformat(), "to": (first + timedelta(7)).isoformat()}
    supply = client.get("/supply", pool=pool, **days)["data"]
    headroom = client.get("/headroom", pool=pool, **days)["data"]
    must(len(supply) == len(headroom) == 7, "supply and headroom must have a row for each day asked for")
    must(supply[0]["p90"] <= supply[0]["p50"] <= supply[0]["p10"], f"quantiles out of order: {supply[0]}")
    day = supply[0]
    tell(f"GET /supply and /headroom of the pool on {day['date']}: {day['p90']} GPUs at P90, {day['p50']} at P50,")
    say(f"     {day['p10']} at P10; still to be had firm: {headroom[0]['firm']}")


def last_line(reservation: Any) -> str:
    """The line that scripts read; its site is the one that the reservation names."""
    block = f"{reservation['quantity']} x {reservation['accelerator']} at {reservation['site']}"
    dates = f"{reservation['start']}..{reservation['end_exclusive']}"
    return f"reserved {block} {dates} for {money(reservation)} as {reservation['id']}"


def describe(block: Any) -> str:
    dates = f"{block['start']}..{block['end_exclusive']}"
    return f"{block['quantity']} x {block['accelerator']} at {block['site']} {dates} for {money(block)}"


def amount(priced: Any) -> Decimal:
    return Decimal(priced["total"]["amount"])


def money(priced: Any) -> str:
    return f"{priced['total']['amount']} {priced['total']['currency']}"


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise WalkFailed(otherwise)
