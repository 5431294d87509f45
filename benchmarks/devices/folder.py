"""A device behind an exchange folder."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

from adapters.common.folder import Jobs
from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import CsvFolderOptions
from devices.device import TARGETS, Device
from loop.contracts import Adapter
from tests.adapters.csv_folder.rigs import Crashed, FolderRig


class FolderDevice(Device):
    """``csv_folder``: a rig, and a share that delivers its responses late, in any order, twice, under other names."""

    name = "csv_folder"

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self._now, self._silent_until, self._renamed = 1_000_000.0, 0.0, 0
        self._rig = self._new_rig()

    def laboratory(self) -> Adapter:
        status = {"column": "outcome", "measured": ["measured"], "fault": {"clogged": "instrument_fault"}}
        options = {
            "folder": str(self.folder / "exchange"),
            "taken": "taken",
            "response": {"status": {**status, "unknown": ["lost track"]}},
        }
        read = CsvFolderOptions.model_validate(options)
        return CsvFolder(Jobs(self.folder / "lab"), self.folder, read, TARGETS, None, lambda: self._now)

    def work(self) -> None:
        if self.is_down or self._now < self._silent_until:
            return
        if self.happens("the device is silent for hours"):
            self._silent_until = self._now + 3 * 3600.0
            return
        try:
            self._rig.work()
        except Crashed:
            self.is_down = True

    def restart(self) -> None:
        self._rig, self.is_down = self._new_rig(), False

    def runs(self) -> Counter[str]:
        return self._rig.runs()

    def pass_time(self) -> None:
        self._now += self.chance.uniform(10.0, 300.0)
        if not self.is_down and self._now >= self._silent_until:
            self._rig.beat()
        late = sorted((self._rig.folder / "late").glob("*.csv"))
        self.chance.shuffle(late)
        for path in late:
            if not self.happens("a response is held back to the next look"):
                self._deliver(path)

    def _deliver(self, path: Path) -> None:
        responses = self._rig.folder / "responses"
        name = path.name
        if self.happens("a response goes by another name"):
            self._renamed += 1
            name = f"copy {self._renamed}.csv"
        if self.happens("a response comes twice"):
            shutil.copy(path, responses / f"again {path.name}")
        if self.happens("a response of somebody else's comes"):
            (responses / f"foreign {path.name}").write_text("key,yield [%],outcome\nsomebody,50,measured\n")
        path.rename(responses / name)

    def _new_rig(self) -> FolderRig:
        def step(name: str) -> None:
            if self.step(name):
                raise Crashed

        return FolderRig(
            self.folder / "exchange",
            clock=lambda: self._now,
            answer=self._answer,
            step=step,
            in_place=self.happens("a response is written in place, half first"),
            responses="late",
        )

    def _answer(self, row: Mapping[str, str]) -> Mapping[str, str]:
        found = self.outcome({name: row[name] for name in ("solvent", "base", "step")}, row)
        if found["outcome"] == "fault":
            return {"yield [%]": "", "outcome": "clogged"}
        return {"yield [%]": str(found["values"][0]["value"]), "outcome": "measured"}
