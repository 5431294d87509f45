"""Fields: what a refusal says of a command's options, said of the fields of a request that was refused."""

from __future__ import annotations

import re
from typing import Final

# A clause; a command to be typed where this is served stays as it is.
_CLAUSE: Final = re.compile(r"[^;:,()]+[;:,()]*")
_SAID: Final = (
    (re.compile(r"\bwith (?=--)"), "as "),
    (re.compile(r"--by NAME "), ""),  # the token says who it is
    (re.compile(r"--why REASON\b"), '"why": "REASON"'),
    (re.compile(r"--where ([^\s=]+=[^\s;,()]+)"), r'"where": ["\1"]'),
    (re.compile(r"--again\b"), '"again": true'),
    (re.compile(r"--refuse\b"), '"verdict": "refuse"'),
    (re.compile(r"--(why|where|meaning)\b"), r'"\1"'),
)


def as_fields(message: str) -> str:
    """The message with the names of fields where it names options: ``give it with --why`` is ``give it as "why"``."""
    return _CLAUSE.sub(lambda clause: clause[0] if "hakken " in clause[0] else _renamed(clause[0]), message)


def _renamed(clause: str) -> str:
    for option, field in _SAID:
        clause = option.sub(field, clause)
    return clause
