"""Attached files: what was handed in with a result, as a link and, where it is a small picture, as that picture."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

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


def attached(ledger: Ledger, name: str, store: RawStore | None) -> Mapping[str, tuple[Attached, ...]]:
    """The files of each attempt of a campaign, by its key, in the order kept; none without a store."""
    found: dict[str, tuple[Attached, ...]] = {}
    for artifact in ledger.artifacts(name) if store is not None else ():
        if artifact.key is None or store is None:
            continue
        link = f"../{store.folder.name}/{artifact.sha[:2]}/{artifact.sha}"  # the page lies in the campaign's folder
        picture = _picture(store, artifact.sha) if artifact.size <= _LARGEST else ""
        file = Attached(artifact.name, artifact.sha, artifact.size, link, picture)
        found[artifact.key] = (*found.get(artifact.key, ()), file)
    return found


def _picture(store: RawStore, sha: str) -> str:
    """The file as a ``data:`` address where its first bytes are those of a picture, whatever it is called; else ""."""
    try:
        data = store.get(sha)
    except (OSError, RawFileMissing, RawFileDamaged):
        return ""  # the link and the hash still say what was there
    kind = next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "")
    return f"data:{kind};base64,{b64encode(data).decode()}" if kind else ""
