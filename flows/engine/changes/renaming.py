"""Other names of substances in a changed campaign file: results follow structures, decisions of people do not, and a
part of a mixture is known by its name alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

from flows.engine.changes.structures import changed_spaces
from flows.engine.looking.view import View
from loop.decision import DecisionDraft, in_force
from loop.errors import SpaceError, SpecError
from loop.outcome import Fault
from loop.space import Component, Space
from loop.spec import CampaignSpec
from loop.wording import plural


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


def check_parts(known: View, spec: CampaignSpec) -> None:
    """Refuse another name of a mixture's part of which results, experiments under way, proposals that wait or decisions
    in force have something: they would be lost.

    Raises:
        SpecError: It names both names, and who has the old one.
    """
    if (changed := changed_spaces(known, spec)) is None:
        return
    for mixture, part, renamed in _renamed_parts(*changed):
        if has := _who_has(known, f"{mixture}.{part}"):
            raise SpecError(
                f"campaign {known.name!r}: {part!r} of {mixture!r} is called {renamed!r} in the changed file, and "
                f"{has} by the name {part!r}, by which a part of a mixture is known: keep the name, or give the "
                "campaign another name"
            )


def _renamed_parts(before: Space, after: Space) -> Iterator[tuple[str, str, str]]:
    """Each part of a mixture that has another name by its structure: the mixture, the old name and the new one."""
    for m in before.mixtures:
        for now in (now for now in after.mixtures if now.name == m.name):
            new = {smiles: part for part, smiles in zip(now.parts, now.smiles, strict=False) if part not in m.parts}
            for part, smiles in zip(m.parts, m.smiles, strict=False):
                if part not in now.parts and smiles in new:
                    yield m.name, part, new[smiles]


def _who_has(known: View, part: str) -> str:
    """What on record has something of a part, "" for nothing; what none was of may go."""
    ran = (o for o in known.observations if not isinstance(o.outcome, Fault) or o.outcome.outlives_its_candidate)
    found = (
        ("result", "results", [o.settings for o in ran]),
        ("experiment under way", "experiments under way", [a.settings for a in known.pending]),
        ("proposal that waits", "proposals that wait", [p.draft.candidate.settings for p in known.undecided]),
    )
    for one, many, settings in found:
        if n := sum(bool(each.get(part)) for each in settings):
            return f"{plural(n, one, many)} {'has' if n == 1 else 'have'} it"
    for d in in_force(known.decisions, known.round_number + 1):
        if d.draft.settings.get(part) or part in (d.draft.region.get("where") or {}):
            lift = f"hakken lift {quote(known.name)} {d.number}"
            return f"{d.draft.kind.value} {d.number} (which {lift} takes back) is about it"
    return ""


def _named(draft: DecisionDraft) -> Iterator[tuple[str, str]]:
    """The options that a decision names, with their parameters; of all but some, these."""
    yield from ((name, str(value)) for name, value in draft.settings.items())
    for name, options in ((draft.region.get("exclude") or {}) | (draft.region.get("but") or {})).items():
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
