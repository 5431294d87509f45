"""Wording: when an option can stand for itself in a line, and when it needs the name of its parameter; and names in
plain letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

MANY: Final = 200  # options of a choice beyond which nobody looks for the same words elsewhere
_MUTE: Final = frozenset({"yes", "no", "true", "false", "on", "off", "none", "nothing"})


def is_mute(option: str, others: Iterable[Collection[str]]) -> bool:
    """Whether an option says too little by itself: yes or no, none, a number, or an option of another choice as well.

    ``others`` are the options of the other choices.
    """
    if option.casefold() in _MUTE or any(option in options for options in others):
        return True
    try:
        float(option)
    except ValueError:
        return False
    return True


def in_plain_letters(text: str) -> str:
    """Text with umlauts, accents and ligatures as plain letters (o for ö, ss for ß); what has none stays as it is."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in letters if not unicodedata.combining(c))
