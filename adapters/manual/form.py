"""The form: a page that a browser fills a worksheet in with, offline, and that gives back a CSV file of results."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Final

from adapters.files.rows import COMMENT, FILE, OUTCOME, RUN_ORDER, Columns
from adapters.files.worksheet import KEY
from loop.outcome import CANNOT, FaultKind

_PAGE: Final = Path(__file__).with_name("form.html")
_SCRIPT: Final = Path(__file__).with_name("form.js")


def form(
    campaign: str,
    worksheet: str,
    returned: str,
    columns: Columns,
    rows: Sequence[Mapping[str, str]],
    words: Mapping[str, Sequence[str]],
) -> str:
    """The page as text.

    Args:
        campaign: Its name.
        worksheet: Name of the worksheet's file.
        returned: Name of the file that the page gives back.
        columns: How the worksheet's columns are called.
        rows: Its rows that have no result yet, in any order.
        words: By target, the words that its values may be.
    """
    results = [columns.values, columns.deviations]
    data: dict[str, Any] = {
        "campaign": campaign,
        "returned": returned,
        "shown": [RUN_ORDER, *columns.told()],
        "values": [[named[target] for named in results] for target in columns.values],
        "words": {columns.values[target]: list(told) for target, told in words.items()},
        "beside": list(columns.beside.values()),
        "key": KEY,
        "outcome": OUTCOME,
        "comment": COMMENT,
        "file": FILE,
        "outcomes": ["measured", "negative", CANNOT, *(f"fault:{kind.value}" for kind in FaultKind)],
        "rows": [dict(row) for row in sorted(rows, key=_order)],
    }
    script = _SCRIPT.read_text(encoding="utf-8")
    parts = {
        "CAMPAIGN": escape(campaign),
        "WORKSHEET": escape(worksheet),
        "RETURNED": escape(returned),
        "HASH": b64encode(sha256(script.encode()).digest()).decode(),
        "DATA": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),  # no text can end the element
        "SCRIPT": script,
    }
    page = _PAGE.read_text(encoding="utf-8")
    return re.sub(r"\[\[([A-Z]+)\]\]", lambda match: parts[match[1]], page)  # one pass: no text is a place itself


def _order(row: Mapping[str, str]) -> tuple[float, str]:
    order = row.get(RUN_ORDER, "")
    return (float(order) if order.isdigit() else 0.0), order
