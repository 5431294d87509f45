"""Canonical text: the one spelling of a value that is hashed, stored and compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from loop.errors import LedgerError
from loop.record import Settings


def canonical(value: object, what: str) -> str:
    """``value`` as JSON with sorted keys and no blanks; ``what`` names it in the message.

    Raises:
        LedgerError: It holds something that JSON cannot say, such as NaN or an object.
    """
    try:
        return _dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"{what} cannot be stored as JSON ({error}); use text, finite numbers, lists and mappings only"
        ) from None


def lenient(value: object) -> str:
    """The same for what was received: nothing is refused, what JSON cannot say is kept as its ``repr``."""
    try:
        return _dumps(value, default=_plain_or_repr, allow_nan=True)
    except (TypeError, ValueError):  # unsortable keys, circles
        return _dumps(repr(value), default=repr, allow_nan=True)


def sha256(text: str) -> str:
    """Hexadecimal SHA-256 of ``text``; lone surrogates, which UTF-8 cannot say, are hashed as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def numbers_as_floats(settings: Settings) -> dict[str, str | float]:
    """90 and 90.0 are one setting, and 0.0 and -0.0: numbers become floats, so that both have one spelling."""
    return {name: value if isinstance(value, str) else float(value) + 0.0 for name, value in settings.items()}


def _dumps(value: object, *, default: Any, allow_nan: bool) -> str:
    def write(*, ensure_ascii: bool) -> str:
        return json.dumps(
            value,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=ensure_ascii,
            allow_nan=allow_nan,
            default=default,
        )

    text = write(ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, from a file name or a broken decoder
        return write(ensure_ascii=True)
    return text


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def _plain_or_repr(value: object) -> object:
    try:
        return _plain(value)
    except TypeError:
        return repr(value)
