"""An answer of the continuity planner as one CSV file: its figures, its days and its reservations, a kind a row."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from reservations.web.sheets import Echo, safe

COLUMNS = (
    "kind", "name", "date", "until", "before", "after", "reservation", "status", "site", "country", "accelerator",
    "firmness", "quantity", "start", "end_exclusive", "effect", "lost_gpu_days", "others_gpus", "unit_price", "total",
    "currency", "delivery_confidence", "detail",
)  # fmt: skip


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """Streamed: a line a row, the heading first."""
    writer = csv.DictWriter(Echo(), COLUMNS, restval="")
    yield writer.writerow(dict(zip(COLUMNS, COLUMNS, strict=True)))
    for row in _rows(document):
        yield writer.writerow({name: safe(value) if isinstance(value, str) else value for name, value in row.items()})


def _rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"kind": "title", "detail": document["title"]}
    for each in document["headline"]:
        yield {"kind": "figure", "name": each["code"], "after": each["value"], "detail": each["unit"]}
    for picture in document["steps"]:
        yield from _days(picture)
    for row in document.get("reservations", ()):
        yield from _reservation(row)
    for row in document.get("accelerators", ()):
        for block in row["blocks"]:
            yield from _block(row["accelerator"], block)
    for note in document["notes"]:
        yield {"kind": "note", "detail": note}


def _days(picture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    dates: Sequence[str] = picture["dates"]
    for place, day in enumerate(dates):
        until = dates[place + 1] if place + 1 < len(dates) else picture["end_exclusive"]
        yield {
            "kind": "days",
            "name": picture["name"],
            "date": day,
            "until": until,
            "before": picture["before"][place],
            "after": picture["after"][place],
        }


def _reservation(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    named = ("reservation", "status", "country", "accelerator", "firmness", "quantity", "start", "end_exclusive")
    figures = ("lost_gpu_days", "others_gpus", "effect")
    yield {
        "kind": "reservation",
        "site": row["site_name"],
        "date": row.get("from", ""),
        "until": row.get("until", ""),
        **{name: row.get(name, "") for name in (*named, *figures)},
        "detail": row["refusal"]["detail"] if row.get("refusal") else "",
    }
    for offer in row.get("alternatives", ()):
        yield {**_offer(offer), "kind": "alternative", "reservation": row["reservation"], "detail": offer["service"]}


def _block(accelerator: str, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    asked = {name: block[name] for name in ("quantity", "start", "end_exclusive")} | {"accelerator": accelerator}
    if block["now"]:
        yield {**_offer(block["now"]), "kind": "now"}
    if block["refusal"]:
        yield {**asked, "kind": "refused", "detail": block["refusal"]["detail"]}
    later = block["later"]
    yield {
        **asked,
        "kind": "forward",
        "unit_price": later["unit_price"] or "",
        "total": later["total"]["amount"] if later["total"] else "",
        "currency": later["total"]["currency"] if later["total"] else "",
        "detail": later["detail"],
    }


def _offer(offer: dict[str, Any]) -> dict[str, Any]:
    named = ("country", "accelerator", "firmness", "quantity", "start", "end_exclusive", "unit_price")
    return {
        "site": offer["site_name"],
        **{name: offer[name] for name in named},
        "total": offer["total"]["amount"],
        "currency": offer["total"]["currency"],
        "delivery_confidence": offer["delivery_confidence"],
    }
