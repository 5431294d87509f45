"""Suiting: whether a laboratory takes what a campaign could send, its plates with their wells among it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from adapters.several.unbuilt import Unbuilt
from flows.engine.looking.foreseeing import foresee, foresee_of
from flows.engine.looking.resources import sample_experiments
from flows.engine.looking.routes import check_routes
from loop.contracts import Adapter, ChecksTogether, HasParts, Problem
from loop.errors import AdapterError, AdapterFailed, AdapterUnavailable
from loop.plate.layout import Plate, Scope
from loop.recipe import Recipe
from loop.recipe.model import Heat, Stir, Wait
from loop.record import Place
from loop.spec import CampaignSpec, build_plate, build_recipe, build_space

ALIKE: Final = 10  # candidates, spread over the space, that are refused alike where a laboratory does not suit it


def _refuses_all(laboratory: Adapter, spec: CampaignSpec, *, well: int = 0) -> Sequence[Problem]:
    """Why a laboratory would refuse each experiment of a campaign alike: what it says of all that are looked at.

    Nothing where it takes one of them, refuses them for different reasons, or cannot be asked now. Of a plate they lie
    in ``well``, counted row by row. Raises ``AdapterFailed``.
    """
    try:
        told = [laboratory.validate(experiment) for experiment in sample_experiments(spec, ALIKE, well=well)]
    except AdapterUnavailable as error:
        if error.what == AdapterFailed.what:  # it would fail in every pass
            raise AdapterError(f"laboratory {spec.laboratory.adapter!r} failed ({error})") from error
        return ()
    return [problem for problem in told[0] if all(problem in problems for problems in told[1:])] if told else ()


def _foreseen_of_all(laboratory: Adapter, spec: CampaignSpec) -> str:
    """Why a laboratory is certain to refuse all candidates there are once they run; "" where it may do one of them, or
    they are more than are asked about. All of them are asked about only where the first few are refused."""
    try:
        few = foresee_of(laboratory, sample_experiments(spec, ALIKE), is_all=False)
        found = None if few is None or few.refused < few.looked_at else foresee(laboratory, spec)
    except AdapterFailed:  # said where it is asked what it foresees
        return ""
    if found is None or not found.is_all or found.refused < found.looked_at:
        return ""
    return "; ".join(map(str, found.reasons))


def check_laboratory(laboratory: Adapter, spec: CampaignSpec) -> None:
    """See that a laboratory does not refuse all that a campaign could send, that each of several takes what it can, and
    that plates can be made as they are described.

    Raises:
        AdapterError: It does, one of several is to take what the campaign never sends or could not be made, code of
            one's own fails, or no plate can be; says why.
    """
    check_routes(spec)
    for part, adapter in laboratory.parts().items() if isinstance(laboratory, HasParts) else ():
        if isinstance(adapter, Unbuilt):
            raise AdapterError(f"laboratory {part!r}: {adapter.why}")
    if problems := _refuses_all(laboratory, spec):
        said = "; ".join(str(problem) for problem in problems)
        raise AdapterError(f"laboratory {spec.laboratory.adapter!r} would refuse every experiment: {said}")
    if said := _foreseen_of_all(laboratory, spec):
        raise AdapterError(f"laboratory {spec.laboratory.adapter!r} is certain to refuse every candidate: {said}")
    _check_plate(laboratory, spec)


def _check_plate(laboratory: Adapter, spec: CampaignSpec) -> None:
    """See that a laboratory has all wells of the plate, and takes a plate whose wells differ as they may.

    Raises:
        AdapterError: It does not, and no plate could be made; says why.
    """
    plate = build_plate(spec, build_space(spec))
    if plate is None:
        return
    name, last = spec.laboratory.adapter, plate.wells - 1
    for part, problems in _refused_in(laboratory, spec, last):
        who = f"laboratory {name!r}" if part is None else f"laboratory {part!r} of {name!r}"
        said = "; ".join(map(str, problems))
        raise AdapterError(f"{who} would refuse whatever lies in well {plate.label(last)}: {said}")
    recipe = build_recipe(spec)
    if recipe is None or not isinstance(laboratory, ChecksTogether):
        return
    with suppress(AdapterUnavailable):
        for parameter in _differing(spec, plate, recipe):
            if problems := _of_two_wells(laboratory, spec, plate, parameter):
                said = "; ".join(map(str, problems))
                raise AdapterError(f"laboratory {name!r} makes no plate in which {parameter!r} differs: {said}")


def _refused_in(laboratory: Adapter, spec: CampaignSpec, well: int) -> Iterator[tuple[str | None, Sequence[Problem]]]:
    """Why all that would lie in a well is refused alike; of several laboratories, what one alone would take."""
    if not isinstance(laboratory, HasParts):
        if problems := _refuses_all(laboratory, spec, well=well):
            yield None, problems
        return
    experiments = sample_experiments(spec, well=well)
    with suppress(AdapterUnavailable):
        for part in laboratory.parts():
            mine = [e for e in experiments if list(laboratory.takers(e)) == [part]][:ALIKE]
            told = [laboratory.problems_at(part, e) for e in mine]
            if told and (alike := [p for p in told[0] if all(p in problems for problems in told)]):
                yield part, alike


def _differing(spec: CampaignSpec, plate: Plate, recipe: Recipe) -> Iterator[str]:
    """The parameters of what is done to a plate as a whole that may differ from well to well."""
    amounts = []
    for step in recipe.steps:
        match step:
            case Heat(temperature, time, speed):
                amounts += [temperature, time, speed]
            case Stir(speed, time):
                amounts += [speed, time]
            case Wait(time):
                amounts.append(time)
    assert spec.plate is not None
    for name in dict.fromkeys(a.parameter for a in amounts if a is not None and a.parameter is not None):
        scope = spec.plate.share.get(name)
        if (plate.wells if scope is None else plate.groups(Scope(scope))) > 1:
            yield name


def _of_two_wells(laboratory: Adapter, spec: CampaignSpec, plate: Plate, parameter: str) -> list[Problem]:
    """What is wrong with two wells that differ in one parameter alone, and is not where they are the same."""
    assert isinstance(laboratory, ChecksTogether)
    sound = [e for e in sample_experiments(spec) if not laboratory.validate(e)]
    if not sound:
        return []
    first, last = sound[0], plate.wells - 1
    value = first.settings.get(parameter)
    other = next((v for e in sound if (v := e.settings.get(parameter)) not in (value, None)), None)
    if value is None or other is None:
        return []
    place = Place(1, plate.label(last), int(plate.group(Scope.BLOCK)[last]) + 1).context
    same = replace(first, place=place)
    known = laboratory.wanting([first, same], [])
    told = laboratory.wanting([first, replace(same, settings={**first.settings, parameter: other})], [])
    return [problem for problem in told if problem.subject not in {k.subject for k in known}]
