"""Changes after which results on record would mean something else, or be lost to the planner."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flows.engine.changes.laboratory import check_laboratory_kept
from flows.engine.changes.renaming import check_decisions, check_parts
from flows.engine.changes.structures import check_structures
from flows.engine.looking.former_names import with_former_names
from flows.engine.looking.view import View
from flows.spending import reported
from loop.circumstances import actual_of, read_actual, read_expense
from loop.classes import CLASSES, Classes
from loop.decision import in_force
from loop.errors import SpaceError, SpecError
from loop.objective import Target
from loop.outcome import Fault, as_told
from loop.spec import CampaignSpec, build_objective, build_space
from loop.spec.building import target_of
from loop.spec.models import TargetSpec
from loop.spec.space_models import (
    CategorySpec,
    ComponentSpec,
    ContextSpec,
    FidelitySpec,
    MixtureSpec,
    MoleculeSpec,
    NumberSpec,
    OrdinalSpec,
    ParameterSpec,
)

if TYPE_CHECKING:
    from flows.settings import Settings

_NOT_VARIED: Final = frozenset({"derived", "context"})  # kinds of parameters that nobody chooses


def check_change(settings: Settings, known: View, spec: CampaignSpec) -> None:
    """Refuse a change after which numbers on record would mean something else, or be lost to the planner.

    Raises:
        SpecError: It names what is changed, what the record has, and the way out.
    """
    is_used = bool(known.observations or known.attempts)
    if spec.resolved() == known.campaign.spec or not (is_used or known.undecided or known.decisions):
        return
    check_laboratory_kept(settings, known, spec)
    _check_units(known, spec)
    _check_money(known, spec)
    _check_targets(known, spec)
    _check_words(known, spec)
    check_parts(known, spec)
    if problems := _unreadable(known, spec):
        several = f"{len(problems)} results, the first " if len(problems) > 1 else ""
        raise SpecError(
            f"campaign {known.name!r}: the changed space no longer reads {several}{problems[0]}; "
            + _way_out(known.spec, spec),
            problems,
        )
    check_structures(known, spec)
    check_decisions(known, spec)


def _way_out(before: CampaignSpec, after: CampaignSpec) -> str:
    """What to do where the changed space does not read some result."""
    added, gone = (
        [n for n, p in these.space.items() if n not in others.space and p.type not in _NOT_VARIED]
        for these, others in ((after, before), (before, after))
    )
    memory = f"with memory: [{before.campaign}] it learns from this one"
    renamed = next(((old, n) for old in gone for n in added if before.space[old].type == after.space[n].type), None)
    if renamed is not None:
        how = f"where {renamed[1]} is {renamed[0]} under another name, keep its name"
    elif added:
        name, file = shlex.quote(before.campaign), shlex.quote(f"{before.campaign}.csv")
        return (
            f"{_how_to_say(added[0], after.space[added[0]])}; else give the campaign another name: {memory}, and "
            f"hakken export {name} {file}, a column of it there, and hakken tell FILE.yaml {file} make these results "
            "count"
        )
    else:
        how = _how_to_keep(before, after)
    return f"{how}, or give the campaign another name: {memory}"


def _how_to_say(name: str, said: ParameterSpec) -> str:
    """How the file says what an added parameter was before."""
    if "earlier" not in type(said).model_fields:
        return f"nothing says what {name} was before, so leave it out"
    return f"where {name} was the same in all of them, say what it was, such as earlier: {_such_as(said)}"


def _how_to_keep(before: CampaignSpec, after: CampaignSpec) -> str:
    """What lets results be read in a space without any parameter that they lack."""
    for name, now in after.space.items():
        was = before.space.get(name)
        if isinstance(now, MoleculeSpec) and isinstance(was, MoleculeSpec) and (kept := _kept(name, was, now)):
            ban = f"hakken ban {shlex.quote(before.campaign)} --where '{name}~SMARTS' --why REASON"
            return f"keep {kept}, and {ban} keeps molecules out of what comes next"
    return "keep the parameters and options that were used (a constraint can exclude them)"


def _kept(name: str, was: MoleculeSpec, now: MoleculeSpec) -> str:
    """What a changed library has to keep so that what was measured stays in it; "" for nothing."""
    files, these = (_files(library) for library in (was, now))
    kept = [f"the filters of {name} as they were"] if was.filters != now.filters else []
    if gone := [file for file in files if file not in these]:
        kept.append(f"{', '.join(gone)} among the files of {name} (file: [{', '.join((*files, *_new(these, files)))}])")
    elif files and not kept:
        kept.append(f"the molecules that were measured in {', '.join(these)}")
    return " and ".join(kept)


def _files(library: MoleculeSpec) -> list[str]:
    return library.stored.source.split(", ") if library.stored else []


def _new(these: Sequence[str], files: Sequence[str]) -> list[str]:
    return [file for file in these if file not in files]


def _such_as(said: ParameterSpec) -> str:
    """A value that a parameter could have had, as the file would say it."""
    match said:
        case MixtureSpec():
            return f"{{{next(iter(said.parts))}: 1}}"
        case NumberSpec():
            return f"{said.values[0] if said.values else said.low:g}"
        case FidelitySpec():
            return said.options[-1]
        case CategorySpec() | OrdinalSpec():
            return said.options[0]
        case ComponentSpec(options=dict(options)):
            return next(iter(options))
    return "..."


def _check_units(known: View, spec: CampaignSpec) -> None:
    """Refuse another unit of a target or a number, also of one that the file in force lacks and an earlier one had."""
    before = _last_of(known, spec)
    targets = [(name, before.targets[name], now) for name, now in spec.objective.items() if name in before.targets]
    units = [(f"target {name!r}", was.unit, now.unit, _who_has(known, None)) for name, was, now in targets]
    for name, was, now in targets:
        if was.unit != now.unit and bool(was.classes) != bool(now.classes) and (has := _who_has(known, None)):
            hits = " (of a number a hit is what keeps its threshold, such as at_least: docs/guide/hits.md)"
            raise SpecError(
                f"campaign {known.name!r}: target {name!r} has {has} {_told_as(was)} on record and is told "
                f"{_told_as(now)} now; keep what it was{hits if now.classes else ''}, or give the campaign another name"
            )
    for name, parameter in spec.space.items():
        earlier = before.parameters.get(name)
        match earlier, parameter:
            case (NumberSpec(unit=old), NumberSpec(unit=new)) | (
                ContextSpec(unit=str(old)),
                ContextSpec(unit=str(new)),
            ):
                units.append((f"parameter {name!r}", old, new, _who_has(known, name)))
    for what, old, new, has in units:
        if old != new and has:
            raise SpecError(
                f"campaign {known.name!r}: {what} has {has} in {old!r} on record and is in {new!r} now; "
                "keep the unit, or give the campaign another name"
            )


@dataclass(frozen=True, slots=True)
class _Before:
    """Targets and parameters as the last version that had them says them."""

    targets: Mapping[str, TargetSpec]
    parameters: Mapping[str, ParameterSpec]


def _last_of(known: View, spec: CampaignSpec) -> _Before:
    """What ``spec`` has, as it was in the last version that had it."""
    targets, parameters = dict(known.spec.objective), dict(known.spec.space)
    for version in range(known.campaign.version - 1, 0, -1):
        if spec.objective.keys() <= targets.keys() and spec.space.keys() <= parameters.keys():
            break
        earlier = CampaignSpec.from_record(known.ledger.spec_version(known.name, version))
        targets, parameters = earlier.objective | targets, earlier.space | parameters
    return _Before(targets, parameters)


def _told_as(target: TargetSpec) -> str:
    """How values of a target are told."""
    return f"as one of {', '.join(target.classes)}" if target.classes else f"as a number in {target.unit!r}"


def _who_has(known: View, parameter: str | None) -> str:
    """What on record has a target's values, or a parameter's, in the unit that it had; "" for nothing."""
    if any(not isinstance(o.outcome, Fault) for o in known.observations):
        return "results"
    if known.attempts or known.observations:  # which went out in it, and will come back in it
        return "experiments"
    if parameter is None:
        return ""
    waiting = next((p.round_number for p in known.undecided if parameter in p.draft.candidate.settings), None)
    if waiting is not None:
        return f"proposals that wait (hakken approve {shlex.quote(known.name)} {waiting} --refuse lets them go)"
    now = in_force(known.decisions, known.round_number + 1)
    number = next(
        (d.number for d in now if parameter in {*d.draft.settings, *(d.draft.region.get("where") or {})}), None
    )
    return "" if number is None else f"decision {number} (hakken lift {shlex.quote(known.name)} {number} takes it back)"


def _check_money(known: View, spec: CampaignSpec) -> None:
    """Refuse another currency than results report their costs in; stated prices are what the file in force says."""
    now = spec.costs.unit if spec.costs else ""
    was = _currency(known) if now else ""
    if was in ("", now):  # money that had no name is named
        return
    expenses = [read_expense(o.context) for o in known.observations]
    expenses += reported(known.ledger.envelopes(known.name)).values()
    if any(e.cost for e in expenses):
        raise SpecError(
            f"campaign {known.name!r}: costs are in {was!r} in results on record and would be in {now!r} now, all "
            f"added up as one; keep costs.unit {was!r} and give the prices in it, or give the campaign another name"
        )


def _currency(known: View) -> str:
    """The unit of the costs, of an earlier version where it was left out since; "" where none had one."""
    if known.spec.costs and known.spec.costs.unit:
        return known.spec.costs.unit
    versions = range(known.campaign.version - 1, 0, -1)
    earlier = (known.ledger.spec_version(known.name, version).get("costs") or {} for version in versions)
    return next((str(costs["unit"]) for costs in earlier if costs.get("unit")), "")


def _check_targets(known: View, spec: CampaignSpec) -> None:
    """Refuse other names of targets under which every value on record is lost, where no analysis makes them anew."""
    had = [name for name in known.spec.objective if _values(known, name)]
    if not had or spec.analysis or any(_values(known, name) for name in spec.objective):
        return
    raise SpecError(
        f"campaign {known.name!r}: the results on record are of target {', '.join(map(repr, had))}, and none has a "
        f"value of {', '.join(map(repr, spec.objective))}; keep the name, or give the campaign another name"
    )


def _check_words(known: View, spec: CampaignSpec) -> None:
    """Refuse levels or classes by which a value on record would be another word than it was, or none of them.

    A word in another's place is no other word where the two never stood side by side: it is a new name.
    """
    before = {name: target_of(name, said, is_part=True) for name, said in _last_worded(known, spec).items()}
    for target in build_objective(spec).targets:
        if target.levels is None or (earlier := before.get(target.name)) is None:
            continue
        words, old_words = target.classes or target.words or (), earlier.classes or earlier.words or ()
        for value in sorted(_values(known, target.name)):
            was, now = earlier.named(value), target.named(value)
            if now is None and value not in target.levels:
                levels = ", ".join(words or (f"{level:g}" for level in target.levels))
                problem = f"are {was or f'{value:g}'}, which is none of {levels}; keep it among them"
            elif was != now and (was in words or now in old_words):
                keep = f"{value:g} for {was} (levels: [..., {value:g}, ...] and words: [..., {was}, ...])"
                keep = "the classes in their order, new ones before them" if target.classes else keep
                problem = f"were {was!r} and would be {now!r}; keep {keep}"
            elif (counted := _counted(earlier, value)) and (counts := _counted(target, value)) and counted != counts:
                kept = ", ".join(Classes(earlier.classes or ()).wanted)
                problem = f"are {now!r}, which counted as {counted} and would count as {counts}; keep wanted: [{kept}]"
            else:
                continue
            raise SpecError(
                f"campaign {known.name!r}: target {target.name!r} has results on record that {problem}, or give the "
                "campaign another name"
            )


def _counted(target: Target, number: float) -> str:
    """What the class with a number on record counts as, as a chemist says it; "" of what is no class."""
    classes = Classes(target.classes or ())
    if classes.word(number) is None:
        return ""
    return "wanted" if classes.counts_as(number) == CLASSES[-1] else "not wanted"


def _last_worded(known: View, spec: CampaignSpec) -> Mapping[str, TargetSpec]:
    """Targets of ``spec`` as they were in the last version that had words for them, else in the last that had them."""
    found = dict(_last_of(known, spec).targets)
    wordless = {name for name in spec.objective if name in found and not (found[name].words or found[name].classes)}
    for version in range(known.campaign.version - 1, 0, -1):
        if not wordless:
            break
        said = CampaignSpec.from_record(known.ledger.spec_version(known.name, version)).objective
        worded = {name for name in wordless if name in said and (said[name].words or said[name].classes)}
        found |= {name: said[name] for name in worded}
        wordless -= worded
    return found


def _values(known: View, target: str) -> set[float]:
    """What was measured of a target that has words or levels, by the numbers that these have."""
    outcomes = (o.outcome for o in known.observations)
    return {as_told(m) for o in outcomes if not isinstance(o, Fault) for m in o.measurements if m.property == target}


def _unreadable(view: View, spec: CampaignSpec) -> tuple[str, ...]:
    """What on record a changed spec could no longer read, one sentence for each observation; what the spec in force
    cannot read, such as a result that came after its option was taken out, is no less read by another, and of what
    never ran nothing is lost."""
    space = with_former_names(build_space(spec), view.ledger, view.name, view.campaign.version + 1)
    problems = []
    for o in view.observations:
        if isinstance(o.outcome, Fault) and not o.outcome.outlives_its_candidate:
            continue
        named = space.as_named(o.settings, o.smiles)
        try:
            space.coordinates(named)
        except SpaceError as error:
            with suppress(SpaceError):
                view.space.coordinates(view.space.as_named(o.settings, o.smiles))
                problems.append(f"observation {o.id} ({view.label(o.settings)}): {error}")
            continue
        problem = read_actual(space, named, o.context)[1] if actual_of(o.context) else ""
        if problem and not read_actual(view.space, view.space.as_named(o.settings, o.smiles), o.context)[1]:
            problems.append(f"observation {o.id} ({view.label(o.settings)}): {problem}")
    return tuple(problems)
