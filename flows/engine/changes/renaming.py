"""Other names of substances in a changed campaign file: results follow structures, decisions of people do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

from flows.engine.changes.structures import changed_spaces
from flows.engine.looking.view import View
from loop.decision import DecisionDraft, in_force
from loop.errors import SpaceError, SpecError
from loop.space import Component, Space
from loop.spec import CampaignSpec


def check_decisions(known: View, spec: CampaignSpec) -> None:
    """Refuse another name of a substance that a decision in force names: a ban would be lost without a word.

    Raises:
        SpecError: It names the decision and both names.
    """
    now = in_force(known.decisions, known.round_number + 1)
    if not now or (changed := changed_spaces(known, spec)) is None:
        return
    for d in now:
        for parameter, option in _named(d.draft):
            if renamed := _called(*changed, parameter, option):
                campaign = quote(known.name)
                raise SpecError(
                    f"campaign {known.name!r}: {d.draft.kind.value} {d.number} is about {option!r} of {parameter!r}, "
                    f"which the changed file calls {renamed!r}; keep the name, or take the decision back (hakken lift "
                    f"{campaign} {d.number}) and decide anew by the new name"
                )


def _named(draft: DecisionDraft) -> Iterator[tuple[str, str]]:
    """The options that a decision names, with their parameters."""
    yield from ((name, str(value)) for name, value in draft.settings.items())
    for name, options in (draft.region.get("exclude") or {}).items():
        yield from ((name, str(option)) for option in ([options] if isinstance(options, str | float) else options))


def _called(before: Space, after: Space, parameter: str, option: str) -> str | None:
    """Another name that a substance has by now; None where it has none, or is no substance."""
    was = next((p for p in before.parameters if p.name == parameter and isinstance(p, Component)), None)
    if was is None or not was.has(option):
        return None
    with suppress(SpaceError):
        structure = was.smiles[round(was.index(option))]
        named = after.as_named({parameter: option}, {parameter: structure})[parameter]
        return None if named == option else str(named)
    return None
