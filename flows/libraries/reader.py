"""What a campaign file's libraries become: options in the spec where they are few, else a key of the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.libraries.recipe import Recipe
from flows.libraries.store import Store
from loop.spec.library_models import StoredSpec

if TYPE_CHECKING:
    from loop.spec.library_models import LibraryFile

FEW: Final = 5_000  # molecules up to which a record is complete in itself: 300 kB of a spec


@dataclass(frozen=True)
class Reader:
    """Reads the libraries of campaign files in one folder; a ``Libraries``."""

    store: Store
    folder: Path

    def read(self, spec: LibraryFile) -> tuple[StoredSpec, dict[str, str] | None]:
        """What became of the files, and its molecules by name where they are at most 5,000.

        Raises:
            SpecError: A file cannot be read, a filter is unknown, or nothing of it is left.
        """
        recipe = Recipe.of(spec, self.folder)
        report = self.store.build(recipe)
        told = StoredSpec(
            key=recipe.key,
            source=recipe.shown,
            molecules=report.molecules,
            read=report.read,
            unreadable=report.unreadable,
            duplicates=report.duplicates,
            removed=report.removed,
        )
        if report.molecules > FEW:
            return told, None
        library = self.store.library(recipe.key)
        assert library is not None
        return told, dict(zip(library.names, library.structures, strict=True))
