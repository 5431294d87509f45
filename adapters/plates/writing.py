"""Writing: the protocol that makes a plate, planned and put into its folder once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, reachable
from adapters.plates.deck import PlateOptions
from adapters.plates.drafting import Drafts
from adapters.plates.planning import CannotBePlanned, Plan, plan_plate
from adapters.plates.runs import PlateRun
from adapters.plates.verdicts import Verdict, without_keys
from loop.contracts import Problem
from loop.errors import RecipeError
from loop.recipe import Recipe, work_out

Write = Callable[[PlateRun, Plan, Mapping[str, str]], str]  # the text, of a plan and the keys of attempts by well


class Protocols:
    """The protocols of one robot's plates, each in a file called ``name`` in the folder of its plate."""

    def __init__(
        self, jobs: Jobs, drafts: Drafts, options: PlateOptions, recipe: Recipe, write: Write, name: str
    ) -> None:
        self._jobs, self._drafts = jobs, drafts
        self._options, self._recipe, self._write, self._name = options, recipe, write, name

    def was_written(self, plate: PlateRun) -> bool:
        """Whether there is one, so that it may have been brought to the robot."""
        return self._path(plate).exists()

    def text_of(self, plate: PlateRun) -> str | None:
        """The text of the protocol, written once; None where the plate cannot be made, which is on record then."""
        path = self._path(plate)
        if path.exists():
            return path.read_text(encoding="utf-8")
        members = [h for h in self._drafts.in_order(plate.wells) if self._jobs.cancelled(h) is None]
        try:
            wells = {plate.wells[h]: work_out(self._recipe, self._jobs.spec(h).settings) for h in members}
            if len(wells) < len(members):
                raise CannotBePlanned([Problem("plate", "two experiments have one well", "plan the round anew")])
            plan = plan_plate(self._options, self._recipe, wells)
        except CannotBePlanned as error:
            plate.note("refused.json", {"kind": "consumable_missing", "why": str(error)})
            return None
        except RecipeError as error:  # the recipe was changed since the plate was closed
            plate.note("refused.json", {"kind": "input_error", "why": str(error)})
            return None
        keys = {plate.wells[h]: str(self._jobs.key(h)) for h in members}
        text = self._write(plate, plan, keys)
        if self._drafts.is_taken(self._draft_of(plate, text)):
            plate.note("simulated.json", {"before": "it was a run"})
        with reachable(path):
            write_once(path, text)
        return text

    def refuse(self, plate: PlateRun, verdict: Verdict) -> None:
        """Keep that the robot refused the protocol of a plate, so that no other run is made of it."""
        self._drafts.keep(self._draft_of(plate, str(self.text_of(plate))), verdict)

    def _path(self, plate: PlateRun) -> Path:
        return plate.folder / self._name

    def _draft_of(self, plate: PlateRun, text: str) -> str:
        """The protocol of a plate as it would be in any other run."""
        return without_keys(text, plate.key, [str(self._jobs.key(handle)) for handle in plate.wells])
