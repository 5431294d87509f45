"""The store: libraries in folders named by their key, built once in parallel and found again by every campaign."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.durable import replace, sync_folder
from flows.libraries.crew import ALONE, Crew
from flows.progress import Progress, in_silence
from loop.errors import NotFound, SpecError

if TYPE_CHECKING:
    from flows.libraries.merging import Report
    from flows.libraries.recipe import Recipe
    from loop.molecules.structures import StoredLibrary

REPORT: Final = "report.json"  # written last: with it a library counts as whole


@dataclass(frozen=True)
class Store:
    """Stored libraries below one folder."""

    folder: Path
    workers: int = field(default_factory=lambda: os.cpu_count() or 1, compare=False)
    progress: Progress = field(default=in_silence, compare=False)

    def place(self, key: str) -> Path:
        """The folder of a library, whether it is there or not."""
        return self.folder / key[:32]

    def build(self, recipe: Recipe) -> Report:
        """The library of a recipe, built unless it is there already. A build that was killed is taken up again.

        Raises:
            SpecError: A file cannot be read, or no molecule of it is left; names what removed most.
        """
        target = self.place(recipe.key)
        if not (target / REPORT).is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.crew.alone(self.folder / f".{target.name}.lock"):
                if not (target / REPORT).is_file():  # another process has built it meanwhile
                    self._build(recipe, target)
        return self.report(recipe.key)

    def _build(self, recipe: Recipe, target: Path) -> None:
        from flows.libraries.merging import merge

        parts_folder = target.with_name(f"{target.name}.parts")
        parts_folder.mkdir(exist_ok=True)
        parts = self._parts(recipe, parts_folder)
        self.progress("merging", 0)
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            report = merge(parts, temporary, recipe)
        except OSError:  # a full disk: what lies there takes more of it
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        if not report.molecules:
            shutil.rmtree(temporary)
            shutil.rmtree(parts_folder)
            raise SpecError(_emptied(report))
        said = {"key": recipe.key, "settings": recipe.settings, "report": asdict(report)}
        replace(temporary / REPORT, json.dumps(said, indent=1, ensure_ascii=False))
        os.rename(temporary, target)
        sync_folder(self.folder)
        shutil.rmtree(parts_folder, ignore_errors=True)

    def report(self, key: str) -> Report:
        """What became of the file of a stored library. Raises ``NotFound``."""
        from flows.libraries.merging import Report

        return Report(**self._said(key)["report"])

    def stored(self) -> tuple[str, ...]:
        """Keys of all stored libraries."""
        found = [json.loads(path.read_text(encoding="utf-8"))["key"] for path in self.folder.glob(f"*/{REPORT}")]
        return tuple(sorted(found))

    def library(self, key: str) -> StoredLibrary | None:
        """The library of that key; None where it is not there."""
        if not (self.place(key) / REPORT).is_file():
            return None
        from flows.libraries.opening import opened

        return opened(self.place(key), key, self.crew)

    @property
    def crew(self) -> Crew:
        """Who does the work."""
        return Crew(self.workers, self.progress)

    def _said(self, key: str) -> Any:
        try:
            return json.loads((self.place(key) / REPORT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(
                f"no library {key[:12]} is stored in {self.folder}; hakken library build stores one"
            ) from None

    def _parts(self, recipe: Recipe, folder: Path) -> list[Path]:
        """Every part of the file, those of an earlier build as they are."""
        from flows.libraries.preparing import PART, prepare
        from flows.libraries.records import records

        source = records(recipe)
        ahead = [list(islice(source, PART)) for _ in range(ALONE + 1)]  # as few as need no other process
        ahead = [batch for batch in ahead if batch]

        def batches() -> Iterator[Sequence[Any]]:
            yield from ahead
            while batch := list(islice(source, PART)):
                yield batch

        paths: list[Path] = []

        def jobs() -> Iterator[tuple[int, Callable[[], object]]]:
            for number, batch in enumerate(batches()):
                paths.append(folder / f"{number:06d}.npz")
                there = paths[-1].is_file()
                yield len(batch), (_nothing if there else partial(prepare, batch, recipe, paths[-1]))

        self.crew.run("reading", jobs(), parts=len(ahead))
        if not paths:
            raise SpecError(f"{recipe.shown}: the file holds no record; give a file with molecules")
        return paths


def _nothing() -> None:
    """The job of a part that is there already."""


def _emptied(report: Report) -> str:
    if not any(report.removed.values()):
        first = f"; {report.first[0]}" if report.first else ""
        remedy = "save the file as UTF-8" if "is not UTF-8" in first else "mend the file"
        return f"{report.source}: none of {report.read} records is a molecule that can be read{first}; {remedy}"
    most = max(report.removed, key=lambda name: report.removed[name])
    told = ", ".join(f"{name} removed {n}" for name, n in report.removed.items() if n)
    return (
        f"{report.source}: no molecule is left of {report.read} ({told}; {report.unreadable} could not be read); "
        f"loosen filters.{most}"
    )
