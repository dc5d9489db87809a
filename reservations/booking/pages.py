"""A document of sections as PDF, the same bytes for the same text. Pure: no database, no clock.

Page streams are not compressed, so that the bytes depend on no version of zlib; reportlab's invariant mode leaves out
the time and fixes the document's id. Text is drawn in Helvetica where that has the letters, and else in the CID fonts
that every reader brings for Japanese (Cyrillic and Greek are in it), Chinese and Korean.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import getRegisteredFontNames, registerFont, stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
MARGIN, LABELS = 56.0, 130.0  # points: the page's edge, and the column of labels
SIZE, TITLE, HEAD = 9.0, 16.0, 11.0
LEADING = 13.0
LATIN, BOLD = "Helvetica", "Helvetica-Bold"
# Font and the encoding that says which letters it has, in the order in which they are tried.
BEYOND_LATIN = (("HeiseiKakuGo-W5", "cp932"), ("STSong-Light", "gbk"), ("HYGothic-Medium", "cp949"))


@dataclass(frozen=True)
class Section:
    """A heading, and lines of a label and its text."""

    title: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    sections: Sequence[Section]


def pdf_of(document: Document) -> bytes:
    """The document on as many A4 pages as it needs."""
    for font, _ in BEYOND_LATIN:
        if font not in getRegisteredFontNames():
            registerFont(UnicodeCIDFont(font))
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, pageCompression=0)
    canvas.setTitle(document.title)
    canvas.setAuthor("Headroom")
    _Pen(canvas, document.subtitle).draw(document)
    canvas.save()
    return buffer.getvalue()


class _Pen:
    """Writes from top to bottom, and turns the page where it is full."""

    def __init__(self, canvas: Canvas, foot: str) -> None:
        self.canvas, self.foot = canvas, foot
        self.y, self.page = HEIGHT - MARGIN, 1

    def draw(self, document: Document) -> None:
        self._line(document.title, MARGIN, BOLD, TITLE, TITLE + 6)
        self._line(document.subtitle, MARGIN, LATIN, SIZE, LEADING * 1.5)
        for section in document.sections:
            self._room(LEADING * 3)
            self.y -= LEADING / 2
            self._line(section.title, MARGIN, BOLD, HEAD, LEADING * 1.3)
            for label, text in section.lines:
                self._pair(label, text)
        self._end_page()

    def _pair(self, label: str, text: str) -> None:
        wrapped = list(lines_of(text, WIDTH - 2 * MARGIN - LABELS))
        self._room(LEADING)
        _write(self.canvas, label, MARGIN, self.y, LATIN, SIZE)
        for line in wrapped or [""]:
            self._room(LEADING)
            self._line(line, MARGIN + LABELS, LATIN, SIZE, LEADING)

    def _line(self, text: str, x: float, font: str, size: float, leading: float) -> None:
        _write(self.canvas, text, x, self.y, font, size)
        self.y -= leading

    def _room(self, needed: float) -> None:
        if self.y - needed < MARGIN:
            self._end_page()
            self.page, self.y = self.page + 1, HEIGHT - MARGIN

    def _end_page(self) -> None:
        _write(self.canvas, f"{self.foot}, page {self.page}", MARGIN, MARGIN / 2, LATIN, SIZE - 2)
        self.canvas.showPage()


def _write(canvas: Canvas, text: str, x: float, y: float, font: str, size: float) -> None:
    for run, beyond in runs(text):
        used = beyond or font
        canvas.setFont(used, size)
        canvas.drawString(x, y, run)
        x += stringWidth(run, used, size)


def runs(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with the font that has its letters; "" for the one of the place."""
    run, font = "", ""
    for letter in _printable(text):
        wanted = _font_of(letter)
        if run and wanted != font:
            yield run, font
            run = ""
        run, font = run + letter, wanted
    if run:
        yield run, font


def lines_of(text: str, width: float) -> Iterator[str]:
    """The text broken into lines of at most so many points: between words, or anywhere where words have no spaces."""
    line = ""
    for piece in _pieces(text):
        if line and _width(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += piece
        while _width(line) > width and len(line) > 1:
            fits = next(n for n in range(len(line) - 1, 0, -1) if _width(line[:n]) <= width or n == 1)
            yield line[:fits]
            line = line[fits:]
    if line.strip():
        yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for letter in _printable(text):
        word += letter
        if letter == " " or _font_of(letter):
            yield word
            word = ""
    if word:
        yield word


def _width(text: str) -> float:
    return float(sum(stringWidth(run, font or LATIN, SIZE) for run, font in runs(text)))


def _printable(text: str) -> str:
    """Composed letters, and no control characters: a name must not move the pen."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(letter for letter in composed if unicodedata.category(letter)[0] != "C")


def _font_of(letter: str) -> str:
    """ "" where Helvetica has the letter; a letter that no font has is drawn by the first CID font, as its box."""
    if _has("cp1252", letter):
        return ""
    return next((font for font, encoding in BEYOND_LATIN if _has(encoding, letter)), BEYOND_LATIN[0][0])


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
