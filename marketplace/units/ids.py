"""Public ids: a prefix that names the kind, and 22 random characters. Never sequential, never guessable."""

import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARACTERS = 22  # 62**22 is a little over 2**130: as hard to guess as a UUID
IDS = len(ALPHABET) ** RANDOM_CHARACTERS


def new_id(prefix: str) -> str:
    """A new public id such as `qte_7Kq4…`."""
    number, characters = secrets.randbelow(IDS), []
    for _ in range(RANDOM_CHARACTERS):
        number, place = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[place])
    return prefix + "_" + "".join(characters)
