"""A played instrument: files as an HPLC writes them, with peaks that a measured table says.

Each call measures whatever was started and not measured yet, one file for each plate. Areas scatter as given; the
scatter of a condition depends on the seed, the condition and how often it was run, not on keys.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from adapters.common.draws import stream
from adapters.common.durable import replace
from adapters.common.folder import Jobs, fingerprint, reachable
from adapters.common.options import Options, resolve
from adapters.table import MeasuredTable
from loop.contracts import AdapterContext, ExperimentSpec, Handle, Problem

MEASURED: Final = "measured.jsonl"  # handles that have a file, beside the attempts
STANDARD: Final = 1000.0  # mean area of the internal standard
HEADER: Final = ("sample", "plate", "well", "RT [min]", "area")


class PlayedOptions(Options):
    """A measured table, and how its values show in a chromatogram."""

    table: str  # CSV file, as seen from the campaign file
    columns: dict[str, str] = Field(default_factory=dict)  # of a parameter or target, where it differs
    target: str | None = None  # the one whose peak is written; the only one when left out
    at: float = 4.2  # min, the product's peak
    standard: float = 6.8  # min, the internal standard's
    slope: Annotated[float, Field(gt=0)] = 0.0125  # ratio of areas for one unit of the target
    noise: Annotated[float, Field(ge=0)] = 0.005  # standard deviation of that ratio


@dataclass(frozen=True)
class PlayedInstrument:
    """See the module."""

    table: MeasuredTable
    options: PlayedOptions
    target: str
    seed: int = 0
    known: set[str] = field(default_factory=set)  # handles that have a file, as far as was looked

    @staticmethod
    def of(options: PlayedOptions, context: AdapterContext) -> PlayedInstrument:
        """Read the table. Raises ``TableError``."""
        table = MeasuredTable(resolve(context.base, options.table), options.columns, context.targets, {})
        return PlayedInstrument(table, options, options.target or next(iter(context.targets)), context.seed)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def targets(self) -> Mapping[str, str]:
        return {self.target: self.table.targets[self.target]}

    @property
    def parameters(self) -> frozenset[str]:
        return self.table.parameters

    def problems(self, spec: ExperimentSpec) -> list[Problem]:
        """Why the table has nothing to play an experiment from."""
        return list(self.table.problems(spec))

    def measure(self, jobs: Jobs, folder: Path) -> None:
        """Write the files of whatever was started and has none; a file is whole before it is there."""
        with jobs.locked("measuring.lock"), reachable(folder):
            log = jobs.root / MEASURED
            lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
            done = [json.loads(line) for line in lines]
            self.known.update(handle for batch in done for handle in batch)
            waiting = [h for h in jobs.handles() if h not in self.known and jobs.started(h) and not jobs.cancelled(h)]
            plates: dict[str, list[Handle]] = {}
            for handle in waiting:
                plates.setdefault(jobs.spec(handle).place.get("plate", ""), []).append(handle)
            for plate, handles in plates.items():
                number = len(done) + 1
                path = folder / f"plate-{plate or 'none'}-run-{number:03}.csv"
                done.append(handles)
                replace(path, self._text(jobs, handles))  # again, where a crash came before the log
                replace(log, "".join(json.dumps(batch) + "\n" for batch in done))

    def _text(self, jobs: Jobs, handles: list[Handle]) -> str:
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for handle in handles:
            spec, place = jobs.spec(handle), jobs.place(handle)
            chance = stream("instrument", self.seed, fingerprint(spec), place.repeat)
            rows = self.table.rows(spec)
            value = rows[spec.replicate_no % len(rows)].values[self.target]
            ratio = max(value * self.options.slope + chance.gauss(0.0, self.options.noise), 0.0)
            standard = STANDARD * (1 + chance.gauss(0.0, 0.02))
            label = [jobs.key(handle), spec.place.get("plate", ""), spec.place.get("well", "")]
            for at, area in ((self.options.at, ratio * standard), (self.options.standard, standard)):
                shift = chance.gauss(0.0, 0.01)
                writer.writerow([*label, f"{at + shift:.3f}", f"{area:.2f}"])
        return file.getvalue()
