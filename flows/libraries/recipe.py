"""Recipes: all that decides what library files become, and the key that names the library."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loop.errors import SpecError

if TYPE_CHECKING:
    from loop.molecules.filters import Filters
    from loop.molecules.standardise import Policy
    from loop.spec.library_models import LibraryFile

LAYOUT: Final = 2  # of the stored arrays; a change makes every key another one
FORMATS: Final = {".smi": "smiles", ".smiles": "smiles", ".csv": "table", ".tsv": "table", ".xlsx": "table",
                  ".sdf": "sdf", ".sd": "sdf", ".parquet": "parquet", ".pq": "parquet"}  # fmt: skip
SPAN: Final = 1 << 40  # places of records in one file, from the first place of the next; no file has so many lines
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Source:
    """One library file, and where structures and names stand in it."""

    path: Path
    shown: str  # its name in messages
    format: str  # one of the values of ``FORMATS``
    is_zipped: bool
    smiles: str  # the column of structures, where there are columns
    name: str | None  # the column of names; None names molecules by their structure
    content: str = field(default="", compare=False)  # sha256 of the file's bytes

    @property
    def settings(self) -> dict[str, Any]:
        """Everything of it that decides what is stored, as plain JSON."""
        smiles = self.smiles if self.format in ("table", "parquet") else None
        return {"content": self.content, "format": self.format, "smiles": smiles, "name": self.name}


@dataclass(frozen=True)
class Recipe:
    """One or more library files, and what is made of them together: of what is in two, the first counts."""

    sources: tuple[Source, ...]
    policy: Policy
    filters: Filters

    @staticmethod
    def of(spec: LibraryFile, folder: Path) -> Recipe:
        """What a parameter says of its files; reads each once for its sha256.

        Raises:
            SpecError: A file is not there, of no known format or named twice, or a filter is unknown.
        """
        from loop.spec.sieving import filters_of, policy_of  # RDKit: only where libraries are read

        assert spec.file is not None
        if twice := [name for name, times in Counter(spec.file).items() if times > 1]:
            raise SpecError(f"file names {twice[0]!r} twice; a library needs each of its files once")
        formats = [format_of(name) for name in spec.file]
        policy, filters = policy_of(spec.standardise), filters_of(spec.filters)
        paths = [_beside(folder, name) for name in spec.file]
        sources = tuple(
            Source(path, name, kind, is_zipped, spec.smiles, spec.name, _sha256(path, name))
            for name, path, (kind, is_zipped) in zip(spec.file, paths, formats, strict=True)
        )
        return Recipe(sources, policy, filters)

    @property
    def shown(self) -> str:
        """The names of its files."""
        return ", ".join(source.shown for source in self.sources)

    @property
    def is_named(self) -> bool:
        """Whether molecules have names beside their structures."""
        return self.sources[0].name is not None

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides what is stored, as plain JSON."""
        from rdkit import rdBase

        from loop.molecules.salts import VERSION

        salts = {"salts": VERSION} if self.policy.salts == "strip" else {}
        return {
            **salts,
            "layout": LAYOUT,
            "rdkit": rdBase.rdkitVersion,
            "files": [source.settings for source in self.sources],
            "policy": asdict(self.policy),
            "filters": asdict(self.filters),
        }

    @property
    def key(self) -> str:
        """The sha256 of the settings."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()

    def source_at(self, place: int) -> Source:
        """The file in which a record stands, told by its place (``records``)."""
        return self.sources[place // SPAN]

    def where(self, place: int) -> str:
        """A record's place for a person: its line, after its file where there are several."""
        line = f"line {place % SPAN}"
        return line if len(self.sources) == 1 else f"{self.source_at(place).shown} {line}"


def format_of(name: str) -> tuple[str, bool]:
    """The format of a file by its name, and whether it is gzipped. Raises ``SpecError``."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    is_zipped = bool(suffixes) and suffixes[-1] == ".gz"
    if is_zipped:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        raise SpecError(
            f"{name}: a library is told by the end of its name, one of {', '.join(FORMATS)}, with or without .gz; "
            "rename or convert the file"
        )
    return FORMATS[suffixes[-1]], is_zipped


def is_library(name: str) -> bool:
    """Whether a file, by its name, holds molecules and can be no table of results."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() != ".gz"]
    return bool(suffixes) and FORMATS.get(suffixes[-1], "table") not in ("table", "parquet")


def _beside(folder: Path, name: str) -> Path:
    """Where a file is that a campaign file in ``folder`` names; the folder may be one that is yet to be made."""
    path = folder / name
    return path if folder.is_dir() else Path(os.path.normpath(path))


def _sha256(path: Path, shown: str) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError:
        raise SpecError(f"{shown}: no such file (looked for {path.absolute()}); check the name") from None
    except OSError as error:
        raise SpecError(f"{shown}: cannot be read ({error.strerror}); check the path and its rights") from None
    return digest.hexdigest()
