"""Latin letters without marks, for names of letters, digits and underscores."""

from __future__ import annotations

import unicodedata

_SPELLED = {
    **{"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ẞ": "ss"},
    **{"å": "aa", "æ": "ae", "ø": "oe", "œ": "oe"},
    **{"ð": "d", "đ": "d", "þ": "th", "ł": "l", "ı": "i"},
}
"""Letters that are spelled otherwise than without their mark, or that have none."""


def plain_letters(text: str) -> str:
    """Text with its Latin letters in ASCII: as German and Scandinavian words are spelled, else without marks.

    >>> plain_letters("Gerät"), plain_letters("ÅRSTID"), plain_letters("Señal Ñ"), plain_letters("Größe")
    ('Geraet', 'AARSTID', 'Senal N', 'Groesse')

    Letters of other scripts stay as they are.
    """
    composed = unicodedata.normalize("NFC", text)
    spelled = "".join(_spelled(composed, place) for place in range(len(composed)))
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(letter)
    )


def _spelled(text: str, place: int) -> str:
    letter = text[place]
    found = _SPELLED.get(letter) or _SPELLED.get(letter.lower())
    if found is None:
        return letter
    if letter.islower() or not letter.isupper():
        return found
    # Within capitals all of it is one: AARSTID, but Aarstid.
    following = text[place + 1 : place + 2]
    return found.capitalize() if following.islower() else found.upper()
