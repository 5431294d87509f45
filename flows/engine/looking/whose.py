"""Whose: the kind of laboratory that has an attempt, told from the campaign file and the record; nothing is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.registry import laboratories_in
from adapters.several import PARTED
from flows.engine.looking.view import View
from flows.figures import resource_of
from flows.handed import ASK_TELL
from loop.record import AttemptRecord, Json
from loop.spec import CampaignSpec

BY_PERSON: Final = frozenset({"manual", ASK_TELL})  # adapters whose results others bring


def pending_with(view: View, is_one: Callable[[Mapping[str, Any]], bool]) -> tuple[AttemptRecord, ...]:
    """Pending attempts that a laboratory has of whose section in the campaign file ``is_one`` says yes."""
    named = {name for name, section in sections_of(view.spec).items() if is_one(section)}
    if not named:
        return ()
    return tuple(a for a in view.pending if (resource_of(a) or view.spec.laboratory.adapter) in named)


def brings_person(section: Mapping[str, Any]) -> bool:
    """Whether somebody else brings the results of a laboratory, by its section."""
    adapter = section["adapter"]
    return adapter in BY_PERSON or (adapter == "instrument" and section.get("played") is None)


def is_asked(section: Mapping[str, Any]) -> bool:
    """Whether a laboratory lets its experiments wait until somebody asks for them, by its section."""
    return str(section["adapter"]) == ASK_TELL


def has_asked(resolved: Json) -> bool:
    """Whether a campaign, or a part of its laboratory, lets experiments wait until somebody asks for them."""
    section = resolved["laboratory"]
    return any(adapter == ASK_TELL for adapter, _ in laboratories_in(section["adapter"], section))


def has_only_asked(resolved: Json) -> bool:
    """Whether every experiment of a campaign waits until somebody asks for it."""
    section = resolved["laboratory"]
    return all(adapter == ASK_TELL for adapter, _ in laboratories_in(section["adapter"], section))


def leaves_all_to_be_asked(spec: CampaignSpec) -> bool:
    """The same of a campaign file that was read."""
    return has_only_asked({"laboratory": {"adapter": spec.laboratory.adapter, **spec.laboratory.options}})


def sections_of(spec: CampaignSpec) -> Mapping[str, Mapping[str, Any]]:
    """The sections of a laboratory by the name of each part; of one without parts, its own by its adapter."""
    section = spec.laboratory
    parts = section.options.get("laboratories") if section.adapter == PARTED else None
    return parts or {section.adapter: {"adapter": section.adapter, **section.options}}
