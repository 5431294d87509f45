"""Letters: in which encoding a text is, as far as its bytes tell.

Windows-1252 gives nearly every byte a letter or a sign, so that text in any other encoding can be read as it, and comes
out as other letters. What tells them apart is what stands beside what: letters with accents stand among plain ones,
two or three together at the most, capitals before small ones; signs are few, and stand at the edges of words. A general
detector needs more text than a table has: charset-normalizer 3.5 takes ``T [°C]`` in Windows-1252 for Big5.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Final

UTF8: Final = "utf-8-sig"
UTF16: Final = "utf-16"
WINDOWS: Final = "cp1252"
UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Bytes of Windows-1252, by what they are there.
_UNDEFINED: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CAPITAL: Final = rb"[\xc0-\xd6\xd8-\xde\x8a\x8c\x8e\x9f]"
_SMALL: Final = rb"[\xdf-\xf6\xf8-\xff\x83\x9a\x9c\x9e]"
_QUOTES: Final = rb"\x82\x84\x8b\x91-\x94\x9b\xab\xbb"
_DASHES: Final = rb"\x85\x95-\x97\xa0\xb7"  # and dots, and the space that does not break
_SYMBOLS: Final = rb"\x80\x99\xa1\xa3\xa7\xae\xb0-\xb3\xb5\xb9\xba\xbf\xd7\xf7"  # degrees, micro, squares, trade marks
_SIGNS: Final = rb"[" + _QUOTES + _DASHES + _SYMBOLS + rb"]{0,3}"
_OF_WORDS: Final = re.compile(
    _SIGNS + rb"(?:" + _CAPITAL + rb"?" + _SMALL + rb"{0,3}|" + _CAPITAL + rb"{2,3})" + _SIGNS
)
_RARE: Final = re.compile(rb"[\x88\x98\xa2\xa4-\xa6\xa8\xac\xad\xaf\xb6\xb8]")  # a broken bar, a cedilla alone
_UTF8_MISREAD: Final = re.compile(rb"[\xc2\xc3\xe2][\x80-\xbf]")
_RUN: Final = re.compile(rb"[\x80-\xff]+")
_FEW: Final = 10_000  # runs, which tell enough
_OTHERS: Final = 0.1  # of all runs; more of them that no word has are another encoding


def encoding_of(parts: Iterable[bytes]) -> str | None:
    """The encoding of a text whose bytes come in parts: UTF-8, UTF-16 with its mark, Windows-1252; None for others."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_first, runs, odd = True, True, 0, 0
    for part in parts:
        if is_first and part.startswith(UTF16_MARKS):
            return UTF16
        is_first = False
        if is_utf8:
            try:
                decoder.decode(part)
            except UnicodeDecodeError:
                is_utf8 = False
        if part.isascii():
            continue
        if _UNDEFINED.search(part) and not is_utf8:
            return None
        for run in _RUN.findall(part) if runs < _FEW else ():
            runs += 1
            odd += not _is_of_words(run)
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return None if odd > _OTHERS * runs else WINDOWS
        return UTF8
    return None if odd > _OTHERS * runs else WINDOWS


def _is_of_words(run: bytes) -> bool:
    """Whether letters with accents and signs that stand together so can be of a Western language."""
    if len(run) == 1:
        return _RARE.fullmatch(run) is None
    return _OF_WORDS.fullmatch(run) is not None and _UTF8_MISREAD.search(run) is None
