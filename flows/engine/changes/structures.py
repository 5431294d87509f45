"""Structures of a changed campaign file: an option that was used keeps the one it had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from flows.engine.looking.former_names import with_former_names
from flows.engine.looking.view import View
from loop.circumstances import actual_of
from loop.errors import HakkenError, SpaceError, SpecError
from loop.record import Json, Settings
from loop.space import Component, Space
from loop.spec import CampaignSpec, build_space

_WAYS: Final = ("standardise", "reaction")  # how a parameter makes structures of those that are given


def check_structures(known: View, spec: CampaignSpec) -> None:
    """Refuse another structure of an option that was measured or is at work: results would count for what it is now.

    An option that the file in force lacks had the structure that is on record, so it cannot come back with another.
    Another writing of one substance is no other structure, nor is the first one of what was only a name. What another
    reaction, or another way of standardising, makes of what is given is not judged.

    Raises:
        SpecError: It names the option and both structures.
    """
    old, new = known.campaign.spec["space"], spec.resolved()["space"]
    if (changed := changed_spaces(known, spec)) is None:
        return
    before, after = changed
    made_anew = {name for name in new if name in old and dict(_ways(old[name])) != dict(_ways(new[name]))}
    for settings, on_record in _used(known):
        had = dict(on_record) | {name: was for name, (_, _, was) in _structures(before, settings).items()}
        for name, (parameter, option, now) in (_structures(after, settings) | _products(after, settings, had)).items():
            if name not in had or parameter in made_anew or name.partition(".")[0] in made_anew:
                continue
            was = had[name]
            if _is_same(was, now) or _is_same(on_record.get(name, ""), now):
                continue
            was, now = was or "nothing", now or "nothing"
            raise SpecError(
                f"campaign {known.name!r}: {option!r} of {parameter!r} is {was} in the experiments on record and {now} "
                f"in the changed file; keep {option!r} as it was and give {now} a name of its own. Where {was} was a "
                "slip and the experiments were of the other, give the campaign another name and tell it their results "
                "(hakken tell)"
            )


def changed_spaces(known: View, spec: CampaignSpec) -> tuple[Space, Space] | None:
    """The space in force and the changed one; None where they are one, or the stored library of the first is gone."""
    if known.campaign.spec["space"] == spec.resolved()["space"]:
        return None
    try:
        before = known.space
    except HakkenError:
        return None
    return before, with_former_names(build_space(spec), known.ledger, known.name, known.campaign.version + 1)


def _used(known: View) -> Iterator[tuple[Settings, Mapping[str, str]]]:
    """The settings of what was measured, as they really were, and of what is at work or waits for approval, each with
    its structures."""
    yield from (({**o.settings, **actual_of(o.context)}, o.smiles) for o in known.observations)
    yield from ((a.settings, a.smiles) for a in known.pending)
    yield from ((p.draft.candidate.settings, p.draft.candidate.smiles) for p in known.undecided)


def _structures(space: Space, settings: Settings) -> dict[str, tuple[str, str, str]]:
    """Of each setting with a structure its parameter, its option and the SMILES, "" where it adds nothing."""
    found = {}
    for p in space.parameters:
        if isinstance(p, Component) and p.name in settings:
            with suppress(SpaceError):
                option = settings[p.name]
                found[p.name] = (p.name, str(option), p.smiles[round(p.index(option))])
    for m in space.mixtures:
        for part, column, smiles in zip(m.parts, m.columns, m.smiles, strict=False):
            if settings.get(name := space.names[column]):
                found[name] = (m.name, part, smiles)
    return found


def _products(space: Space, settings: Settings, had: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """The products on record some reagent of which has no structure in ``had``, as they would be in ``space``."""
    found = {}
    for p in space.products:
        reagents = [space.names[column] for column in p.columns]
        if p.name in had and not all(name in had for name in reagents):
            with suppress(SpaceError, KeyError):
                option = " + ".join(str(settings[name]) for name in reagents)
                found[p.name] = (p.name, option, space.product(p, settings).smiles)
    return found


def _ways(said: Json, at: str = "") -> Iterator[tuple[str, Any]]:
    """What a parameter says, at any depth, of how structures are made of those that are given."""
    for key, value in said.items():
        if key in _WAYS and value:
            yield f"{at}.{key}", value
        elif isinstance(value, Mapping):
            yield from _ways(value, f"{at}.{key}")


def _is_same(was: str, now: str) -> bool:
    """Whether two canonical SMILES, "" for nothing, are one substance; reactions are as they are written."""
    if was == now or not (was and now) or ">" in was + now:
        return was == now
    from loop.molecules.standardise import inchikey, substance  # RDKit: only where they are written differently

    return substance(was) == substance(now) or inchikey(was) == (inchikey(now) or None)
