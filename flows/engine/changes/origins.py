"""Origins: where a campaign's file was when it was last taken up, and, over a library, what it said and the files that
it named, so that whether these were changed is told without their molecules being read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.durable import replace_bytes
from flows.wiring import ORIGIN, noted
from loop.checkpoints import reached
from loop.errors import SpecError
from loop.record import Json
from loop.spec import CampaignSpec, load_yaml, molecules_of, parameters_of

if TYPE_CHECKING:
    from flows.settings import Settings

_NO_FILES: Final = frozenset({"laboratory", "options"})  # what a laboratory reads by itself, and names of substances


@dataclass(frozen=True, slots=True)
class Differing:
    """What differs of the files of a campaign over a library from what was taken up."""

    campaign: Any  # whose file it says it is
    is_said_otherwise: bool  # whether the campaign file says something else, comments aside
    changed: tuple[str, ...]  # files that it named, as they are called there
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """What tells whether a file holds what it held."""

    bytes: int
    changed_ns: int
    sha256: str

    @staticmethod
    def of(path: Path, known: Json | None) -> _Fingerprint:
        """That of a file; ``known`` is an earlier one, by which one that was not touched since is not read again."""
        status = path.stat()
        if known is not None and (known["bytes"], known["changed_ns"]) == (status.st_size, status.st_mtime_ns):
            return _Fingerprint(**known)
        with path.open("rb") as file:
            return _Fingerprint(status.st_size, status.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest())


def remember(settings: Settings, spec: CampaignSpec, path: Path) -> None:
    """Note where the file of a campaign was, whole or not at all: relative paths of the laboratory section start there.

    And in which order it has its targets and parameters, which the record does not keep.
    """
    target, base = settings.folder(spec.campaign) / ORIGIN, path.absolute().parent
    order = {"targets": list(spec.objective), "parameters": parameters_of(spec)}
    said: dict[str, Any] = {"base": str(base), "file": path.name, **order}
    if molecules_of(spec):
        data, _ = load_yaml(path.read_text(encoding="utf-8"), path.name)
        known = _known_files(settings, spec.campaign)
        prints = {file: _Fingerprint.of(base / file, known.get(file)) for file in sorted(_files_in(data, base))}
        said |= {"says": _digest(data), "files": {file: asdict(p) for file, p in prints.items()}}
    text = os.fsencode(json.dumps(said, ensure_ascii=False, indent=2) + "\n")
    if target.is_file() and target.read_bytes() == text:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(target, text)
    reached("campaign.remembered")


def differing(settings: Settings, name: str) -> Differing | None:
    """What differs of the files of a campaign over a library; None where nothing does, or nothing of them was noted.

    Raises:
        SpecError: The campaign file is no YAML.
        OSError: A file cannot be read.
    """
    said = noted(settings, name)
    if said is None or "says" not in said:
        return None
    base, path = Path(said["base"]), Path(said["base"], said["file"])
    data, _ = load_yaml(path.read_text(encoding="utf-8", errors="replace"), path.name)
    here = {file: known for file, known in said["files"].items() if (base / file).is_file()}
    changed = tuple(f for f, known in here.items() if _Fingerprint.of(base / f, known).sha256 != known["sha256"])
    gone = tuple(file for file in said["files"] if file not in here)
    found = Differing(data.get("campaign"), _digest(data) != said["says"], changed, gone)
    return found if found.is_said_otherwise or found.changed or found.gone else None


def _known_files(settings: Settings, name: str) -> Json:
    """Fingerprints of files as they were noted; none where the note cannot be read, which is written anew."""
    with suppress(SpecError, OSError):
        files: Json = (noted(settings, name) or {}).get("files", {})
        return files
    return {}


def _digest(data: Json) -> str:
    """What stands for all that a campaign file says, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _files_in(data: Any, base: Path) -> Iterator[str]:
    """The files beside a campaign file that it names."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from () if key in _NO_FILES else _files_in(value, base)
    elif isinstance(data, list):
        for value in data:
            yield from _files_in(value, base)
    elif isinstance(data, str) and os.path.isfile(base / data):
        yield data
