"""The order form: what was agreed, the same bytes every time, with every name as it is written."""

import hashlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from marketplace.parties.models import Organisation
from marketplace.units import clock
from reservations.booking.models import Reservation
from reservations.booking.ordering import document_of, order_form
from reservations.booking.pages import Document, Section, lines_of, pdf_of, runs
from reservations.booking.papers import OrderForm
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_approvals import accept

JAPANESE = "株式会社ヘッドルーム銀行"


def a_document(text: str) -> Document:
    return Document("Order form", "Reservation rsv_1", (Section("Parties", (("Customer", text),)),))


def test_the_same_text_is_the_same_bytes() -> None:
    first, again = pdf_of(a_document("First Bank AG")), pdf_of(a_document("First Bank AG"))
    assert first == again
    assert first != pdf_of(a_document("Second Bank AG"))
    assert first.startswith(b"%PDF-")
    assert b"First Bank AG" in first


def test_a_japanese_name_is_drawn_with_its_own_letters() -> None:
    pdf = pdf_of(a_document(JAPANESE))
    assert b"HeiseiKakuGo-W5" in pdf
    drawn = b"".join(re.findall(rb"\((.*?)\) Tj", pdf, re.DOTALL))
    plain = re.sub(rb"\\(\d{3})", lambda octal: bytes([int(octal[1], 8)]), drawn)
    plain = re.sub(rb"\\([()\\])", rb"\1", plain)
    assert JAPANESE.encode("utf-16-be") in plain


@pytest.mark.parametrize(
    ("text", "fonts"),
    [
        ("Müller & Söhne", [""]),
        (f"{JAPANESE} AG", ["HeiseiKakuGo-W5", ""]),
        ("Газпром", ["HeiseiKakuGo-W5"]),
        ("华为", ["STSong-Light"]),
        ("삼성", ["HYGothic-Medium"]),
    ],
)
def test_a_letter_is_drawn_in_a_font_that_has_it(text: str, fonts: list[str]) -> None:
    assert sorted({font for _, font in runs(text)}) == sorted(fonts)


@given(st.text(max_size=300), st.floats(40, 400))
def test_lines_keep_every_letter_and_their_width(text: str, width: float) -> None:
    pdf_of(a_document("fonts"))
    lines = list(lines_of(text, width))
    assert "".join("".join(lines).split()) == "".join("".join(run for run, _ in runs(text)).split())
    for line in lines:
        drawn = sum(stringWidth(run, font or "Helvetica", 9.0) for run, font in runs(line))
        assert drawn <= width or len(line) == 1


def test_a_long_document_has_pages() -> None:
    many = Section("Service", tuple((f"Line {number}", "text " * 60) for number in range(60)))
    pdf = pdf_of(Document("Order form", "rsv", (many,)))
    assert pdf.count(b"/Type /Page\n") > 3


@pytest.fixture
def bought(market: Market) -> Reservation:
    return accept(market.bank, take(market, market.bank), purchase_order="PO 4500012")


def words(reservation: Reservation) -> dict[str, str]:
    full = Reservation.objects.with_terms().get(pk=reservation.pk)
    return {label: text for section in document_of(full).sections for label, text in section.lines}


def test_it_says_what_was_agreed(market: Market, bought: Reservation) -> None:
    said = words(bought)
    assert said["Customer"] == "First Bank AG, DE"
    assert said["Seller"] == "Northwind Compute AG, DE"
    assert said["Purchase order"] == "PO 4500012"
    assert said["Accepted by"] == market.bank.buyer.email
    assert said["SHA-256"] == "0" * 64
    assert said["Total"] == f"{bought.total:,} USD"
    assert said["GPUs"] == "64 H100"
    parts = ("Energy", "Capital", "Firm premium", "Scarcity", "Tenor")
    assert set(parts) <= set(said)


def test_a_party_that_is_renamed_later_is_called_as_it_was(market: Market, bought: Reservation) -> None:
    Organisation.objects.filter(pk=market.bank.organisation.pk).update(legal_name="Renamed AG")
    assert words(bought)["Customer"] == "First Bank AG, DE"


def test_it_is_kept_with_its_digest_and_made_once(market: Market, bought: Reservation) -> None:
    made = order_form(reservation=bought)
    kept: Any = OrderForm.objects.get()
    assert bytes(kept.pdf) == bytes(made.pdf)
    assert hashlib.sha256(bytes(kept.pdf)).hexdigest() == Reservation.objects.get().order_form_digest
    assert order_form(reservation=Reservation.objects.get()).pk == made.pk
    again = pdf_of(document_of(Reservation.objects.with_terms().get(pk=bought.pk)))
    assert again == bytes(kept.pdf)
    assert made.made_at <= clock.now()
