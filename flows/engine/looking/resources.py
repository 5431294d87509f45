"""Resources: the laboratories that a campaign sends its experiments to, and what may be asked of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from flows.engine.looking.view import View
from loop.contracts import Adapter, ExperimentSpec, HasParts, Problem
from loop.plate.layout import Scope
from loop.record import Place
from loop.resources import Resource
from loop.spec import CampaignSpec, build_objective, build_plate, build_space

if TYPE_CHECKING:
    from flows.settings import Settings

SAMPLE: Final = 100  # candidates, spread over the space, among which each resource finds one to be asked about


@dataclass(frozen=True, slots=True)
class Laboratory:
    """The laboratory of a campaign file or of a campaign on record, built but not used."""

    spec: CampaignSpec
    adapter: Adapter
    folder: Path  # where it keeps, or would keep, its own files
    apart: Path | None = None  # the folder in place of it in which it was built, to be gone afterwards

    @property
    def resources(self) -> Mapping[str, Adapter]:
        """Its parts by name; itself, under its adapter's name, where it has none."""
        return resources_of(self.adapter, self.spec.laboratory.adapter)

    def taken_by(self, resource: str, experiments: Sequence[ExperimentSpec]) -> ExperimentSpec | None:
        """The first of ``experiments`` that a resource would take, None where it takes none of them."""
        if not isinstance(self.adapter, HasParts):
            return experiments[0]
        return next((e for e in experiments if resource in self.adapter.takers(e)), None)

    def problems(self, resource: str, experiment: ExperimentSpec) -> Sequence[Problem]:
        """Why a resource that would take an experiment cannot do it."""
        if isinstance(self.adapter, HasParts):
            return self.adapter.problems_at(resource, experiment)
        return self.adapter.validate(experiment)


def resources_of(laboratory: Adapter, name: str) -> Mapping[str, Adapter]:
    """The parts of a laboratory by name; itself, as ``name``, where it has none."""
    return laboratory.parts() if isinstance(laboratory, HasParts) else {name: laboratory}


def laboratory_on_record(settings: Settings, campaign: str) -> Laboratory:
    """The laboratory of a campaign on record.

    Raises:
        NotFound: There is no such campaign.
        AdapterError: Its options or files are wrong.
    """
    from flows.wiring import open_record

    with open_record(settings) as ledger:
        spec = CampaignSpec.from_record(ledger.campaign(campaign).spec)
    return laboratory_of(settings, spec)


def figures_on_record(settings: Settings, campaign: str) -> dict[str, Resource]:
    """What the record tells of each resource that was given something; nothing where the campaign is not there."""
    from flows.wiring import open_record, spec_on_record

    if spec_on_record(settings, campaign) is None:
        return {}
    with open_record(settings) as ledger:
        return {r.name: r for r in View(ledger, campaign).figures if r.is_used}


def laboratory_of(settings: Settings, spec: CampaignSpec) -> Laboratory:
    """The laboratory of a campaign on record, from its resolved spec."""
    from flows.wiring import laboratory_folder, open_laboratory

    return Laboratory(spec, open_laboratory(settings, spec), laboratory_folder(settings, spec.campaign))


@contextmanager
def laboratory_to_be(settings: Settings, spec: CampaignSpec, base: Path) -> Iterator[Laboratory]:
    """The laboratory that a campaign file describes. What building it makes lies in a folder that is gone afterwards.

    ``base`` is where relative paths start.
    """
    from flows.wiring import laboratory_folder, open_laboratory

    with TemporaryDirectory(prefix="hakken-") as apart:
        there = replace(settings, home=Path(apart), database="")
        adapter = open_laboratory(there, spec, base=base)
        folder, built = (laboratory_folder(one, spec.campaign) for one in (settings, there))
        yield Laboratory(spec, adapter, folder, built)


def sample_experiments(spec: CampaignSpec, n: int = SAMPLE, *, well: int = 0) -> tuple[ExperimentSpec, ...]:
    """``n`` experiments at the most, spread over the space of a campaign; where it fills plates, all in one well."""
    import numpy as np

    from loop.space import ProductPool, sample_space

    space, units = build_space(spec), build_objective(spec).measured_units
    if space.is_finite and not space.is_sieved:
        pool = ProductPool(space)
        rows = pool.take(np.unique(np.linspace(0, len(pool) - 1, n).astype(np.int64)))
    else:
        rows = sample_space(space, n, 0, method="random" if space.is_sieved else "sobol")
    plate = build_plate(spec, space)
    place = {} if plate is None else Place(1, plate.label(well), int(plate.group(Scope.BLOCK)[well]) + 1).context
    found = []
    for x in rows:
        settings = space.settings(x)
        found.append(ExperimentSpec(spec.campaign, settings, space.units, space.smiles(settings), units, place=place))
    return tuple(found)
