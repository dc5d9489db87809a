"""Where access details are kept, never the details themselves: what may stand as a reference. Pure."""

import re
from urllib.parse import urlsplit

LONGEST = 200
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/#-]{2,199}")
GIVEAWAYS = re.compile(
    r"pass(word|wd|phrase)|pwd\b|secret|bearer|api[ _-]?key|private[ _-]?key|token|credential|-----BEGIN"
    r"|ssh-(rsa|ed25519)|\bAKIA[0-9A-Z]|\bgh[pousr]_|\bhr_(live|test)_|\bsk[-_](live|test|ant|proj)",
    re.IGNORECASE,
)
LONG_HEX = re.compile(r"\b[0-9a-fA-F]{32,}\b")
WORD = re.compile(r"[A-Za-z0-9+=]{16,}")


class LooksLikeSecret(ValueError):
    """Text that looks like a password or a key was given. Nothing was kept, of the text neither."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The {what} looks like a password or a key. Give where the details are kept (a ticket, or an https "
            "address without user, password or query), never the details: nothing was kept of it."
        )
        self.what = what


class NotAReference(ValueError):
    """Neither an https address nor a short name. Nothing was kept."""

    def __init__(self) -> None:
        super().__init__(
            "Give an https address without user, password, query or fragment, or a reference of 3 to 200 letters, "
            "digits, spaces and . _ : / # - such as “Vault: acme/rsv-7, ticket 4711”."
        )


def check_reference(text: str) -> str:
    """The reference, trimmed. Raises LooksLikeSecret or NotAReference."""
    said = text.strip()
    check_no_secret(said, "reference to access details")
    if "://" in said or said.lower().startswith(("http:", "https:")):
        if not _is_plain_address(said):
            raise NotAReference
    elif not PLAIN.fullmatch(said.replace(",", " ")):
        raise NotAReference
    return said


def check_no_secret(text: str, what: str) -> str:
    """The text itself. Raises LooksLikeSecret."""
    mixed = any(_is_mixed(word) for word in WORD.findall(text))
    if GIVEAWAYS.search(text) or LONG_HEX.search(text) or mixed:
        raise LooksLikeSecret(what)
    return text


def _is_mixed(word: str) -> bool:
    """Long, of capitals, small letters and digits: no word that somebody would choose as a name."""
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(kind(letter) for letter in word) for kind in kinds)


def _is_plain_address(text: str) -> bool:
    try:
        found = urlsplit(text)
        _ = found.port
    except ValueError:
        return False
    plain = found.scheme == "https" and found.hostname and "@" not in found.netloc
    return bool(plain) and not found.query and not found.fragment and len(text) <= LONGEST and " " not in text
