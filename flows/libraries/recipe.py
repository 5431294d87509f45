"""Recipes: all that decides what a library file becomes, and the key that names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loop.errors import SpecError

if TYPE_CHECKING:
    from loop.molecules.filters import Filters
    from loop.molecules.standardise import Policy
    from loop.spec.library_models import LibraryFile

LAYOUT: Final = 1  # of the stored arrays; a change makes every key another one
FORMATS: Final = {".smi": "smiles", ".smiles": "smiles", ".csv": "table", ".tsv": "table", ".sdf": "sdf",
                  ".sd": "sdf", ".parquet": "parquet", ".pq": "parquet"}  # fmt: skip
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """One library file and what is made of it."""

    path: Path
    shown: str  # its name in messages
    format: str  # one of the values of ``FORMATS``
    is_zipped: bool
    smiles: str  # the column of structures, where there are columns
    name: str | None  # the column of names; None names molecules by their structure
    policy: Policy
    filters: Filters
    content: str = field(default="", compare=False)  # sha256 of the file's bytes

    @staticmethod
    def of(spec: LibraryFile, folder: Path) -> Recipe:
        """What a parameter says of its file; reads the file once for its sha256.

        Raises:
            SpecError: There is no such file, it is of no known format, or a filter is unknown.
        """
        from loop.errors import MoleculeError
        from loop.molecules.filters import Filters
        from loop.molecules.standardise import Policy

        assert spec.file is not None
        path = folder / spec.file
        kind, is_zipped = format_of(spec.file)
        policy = Policy() if spec.standardise is None else Policy(**spec.standardise.model_dump())
        filters = Filters()
        if (said := spec.filters) is not None:
            windows = {name: window.ends for name, window in (said.properties or {}).items()}
            filters = Filters(
                windows,
                tuple(said.alerts or ()),
                None if said.sa_score is None else said.sa_score.ends,
                tuple(said.require or ()),
                tuple(said.forbid or ()),
            )
        try:
            assert filters.tests is not None  # every name in it is known
        except MoleculeError as error:
            raise SpecError(f"filters.{error}") from None
        content = _sha256(path, spec.file)
        return Recipe(path, spec.file, kind, is_zipped, spec.smiles, spec.name, policy, filters, content)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides what is stored, as plain JSON."""
        from rdkit import rdBase

        return {
            "layout": LAYOUT,
            "rdkit": rdBase.rdkitVersion,
            "content": self.content,
            "format": self.format,
            "smiles": self.smiles if self.format in ("table", "parquet") else None,
            "name": self.name,
            "policy": asdict(self.policy),
            "filters": asdict(self.filters),
        }

    @property
    def key(self) -> str:
        """The sha256 of the settings."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()


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
