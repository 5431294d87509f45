"""Raw results: a result that is an instrument's file, kept by its hash and read by the campaign's analysis.

A laboratory hands over ``raw_envelope(...)`` instead of values; the campaign file says under ``analysis`` how values
come of it. The payload names the files by their SHA-256, so that it says the same however often it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from loop.contracts import AttemptKey, Envelope, RawFile
from loop.errors import OutcomeError, did_you_mean
from loop.record import Json

RAW: Final = "raw"  # the ``outcome`` of a payload that is files
_KEYS: Final = frozenset(
    {
        "outcome",
        "files",
        "plate",
        "problem",
        "foreign",
        "measured",
        "again",
        "analysis",
        "supersedes",
        "context",
        "provenance",
    }
)


@dataclass(frozen=True, slots=True)
class FileName:
    """A file by its name and its content."""

    name: str
    sha: str
    size: int


@dataclass(frozen=True, slots=True)
class RawResult:
    """What a raw payload says."""

    files: tuple[FileName, ...]
    plate: str = ""  # what plate the files are of, where they do not say it themselves
    problem: str = ""  # why nothing can be made of them, as was found when they were brought
    foreign: str = ""  # why something in them is nobody's
    measured: str = ""  # when, as ISO 8601, where it is known
    context: Json = field(default_factory=dict)
    provenance: Json = field(default_factory=dict)


def sha_of(data: bytes) -> str:
    """The SHA-256 that a file is known by."""
    return hashlib.sha256(data).hexdigest()


def raw_envelope(key: AttemptKey, files: Sequence[RawFile], **more: Any) -> Envelope:
    """What a laboratory sends whose result is files; ``more`` may hold plate, measured, context and provenance.

    One file may go with many attempts: the readings that carry an attempt's key, sample, or plate and well are its own.
    """
    return Envelope(
        key, raw_payload([FileName(f.name, sha_of(f.data), len(f.data)) for f in files], **more), tuple(files)
    )


def raw_payload(files: Sequence[FileName], **more: Any) -> str:
    """The payload that names these files."""
    named = [{"name": f.name, "sha256": f.sha, "size": f.size} for f in files]
    said = {name: value for name, value in more.items() if value}
    return json.dumps({"outcome": RAW, "files": named, **said}, sort_keys=True, ensure_ascii=False)


def is_raw(data: Mapping[str, Any]) -> bool:
    """Whether a payload names files instead of values."""
    return data.get("outcome") == RAW


def read_raw(data: Mapping[str, Any]) -> RawResult:
    """What a raw payload says.

    Raises:
        OutcomeError: It names no files, or a key is unknown.
    """
    if unknown := sorted(set(data) - _KEYS):
        raise OutcomeError(f"unknown key {unknown[0]!r} in a raw result{did_you_mean(unknown[0], _KEYS)}")
    files = data.get("files")
    if not isinstance(files, list) or not files:
        raise OutcomeError("a raw result needs files, a list of objects with name, sha256 and size")
    try:
        named = tuple(FileName(str(f["name"]), str(f["sha256"]), int(f["size"])) for f in files)
    except (KeyError, TypeError, ValueError):
        raise OutcomeError("each file of a raw result needs name, sha256 and size") from None
    context, provenance = data.get("context") or {}, data.get("provenance") or {}
    if not isinstance(context, Mapping) or not isinstance(provenance, Mapping):
        raise OutcomeError("context and provenance of a raw result must be objects")
    texts = {name: str(data.get(name) or "") for name in ("plate", "problem", "foreign", "measured")}
    return RawResult(named, **texts, context=context, provenance=provenance)
