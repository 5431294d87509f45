"""Attached files: what was handed in with a result, as a link and, where it is a small picture, as that picture."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from flows.raw.store import RawFileDamaged, RawFileMissing, RawStore
from flows.report.content import Attached
from loop.contracts import Ledger

_LARGEST: Final = 200_000  # bytes of a picture that the page itself carries
_PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def attached(
    ledger: Ledger, name: str, store: RawStore | None, page: Path | None = None
) -> Mapping[str, tuple[Attached, ...]]:
    """The files of each attempt of a campaign, by its key, in the order kept; none without a store.

    They are linked where the page is to lie at ``page``, and only those that lie in this store.
    """
    found: dict[str, tuple[Attached, ...]] = {}
    for artifact in ledger.artifacts(name) if store is not None else ():
        if artifact.key is None or store is None:
            continue
        link = _link(store.place(artifact.sha), page) if page is not None else ""
        picture = _picture(store, artifact.sha) if artifact.size <= _LARGEST else ""
        file = Attached(artifact.name, artifact.sha, artifact.size, link, picture)
        found[artifact.key] = (*found.get(artifact.key, ()), file)
    return found


def _link(file: Path, page: Path) -> str:
    """A link from a page to a file, "" where that is not there: another machine took it in."""
    if not file.is_file():
        return ""
    return quote(os.path.relpath(file.absolute(), page.absolute().parent))


def _picture(store: RawStore, sha: str) -> str:
    """The file as a ``data:`` address where its first bytes are those of a picture, whatever it is called; else ""."""
    try:
        data = store.get(sha)
    except (OSError, RawFileMissing, RawFileDamaged):
        return ""  # name and hash still say what was there
    kind = next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "")
    return f"data:{kind};base64,{b64encode(data).decode()}" if kind else ""
