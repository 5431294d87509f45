"""Campaigns: a campaign file read, checked against its laboratory and the record, and opened."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.durable import replace_bytes
from flows.engine.looking.resources import check_laboratory
from flows.engine.looking.view import WITH_LABORATORY, View
from flows.engine.people.writing import writing
from flows.engine.structures import check_structures
from flows.spending import reported
from flows.wiring import (
    ORIGIN,
    campaign_file,
    library_reader,
    make_record,
    open_laboratory,
    spec_on_record,
    without_misread_units,
)
from loop.checkpoints import reached
from loop.circumstances import read_expense
from loop.contracts import Adapter, Ledger, RunsTogether
from loop.errors import HakkenError, NotFound, SpaceError, SpecError
from loop.experiment import State
from loop.outcome import Fault
from loop.record import AttemptRecord, CampaignState, Json
from loop.spec import CampaignSpec, build_objective, build_space, read_spec
from loop.spec.space_models import ContextSpec, NumberSpec

if TYPE_CHECKING:
    from flows.settings import Settings

_NOT_VARIED: Final = frozenset({"derived", "context"})  # kinds of parameters that nobody chooses
_LIBRARIES: Final = frozenset({"molecule", "products", "union"})  # kinds of parameters with files of any size


def add_campaign(settings: Settings, spec_path: Path | str) -> str:
    """Open the campaign that a file describes; returns its name.

    The same file again changes nothing; a changed one becomes a new version of the spec, and a finished campaign
    goes on under it.

    Raises:
        SpecError: The file cannot be read or is wrong, or it changes what results on record mean.
        AdapterError: Its laboratory cannot be built, or would refuse every experiment.
    """
    path = Path(spec_path)
    spec, laboratory = usable_file(path, settings)
    name, base = spec.campaign, path.absolute().parent
    with make_record(settings) as ledger:
        known = known_as(settings, ledger, spec)
        resolved = resolved_for(known, spec)
        if known is None or resolved != known.campaign.spec:
            check_laboratory(laboratory, spec)
        _remember(settings, name, base, path)
        record = ledger.open_campaign(name, resolved, by=settings.by)
        if known is not None and record.version > known.campaign.version:
            _go_on(settings, ledger, name)
    return name


def read_campaign_file(path: Path, settings: Settings) -> CampaignSpec:
    """The resolved spec of a campaign file; files that it names are looked for beside it, and libraries stored.

    Raises:
        SpecError: It cannot be read, or is wrong.
    """
    folder, text = path.absolute().parent, _read(path)
    spec = read_spec(
        text,
        source=path.name,
        read=lambda name: _read(folder / name),
        libraries=library_reader(settings, folder),
    )
    return without_misread_units(settings, spec, text, path.name)


def usable_file(path: Path, settings: Settings) -> tuple[CampaignSpec, Adapter]:
    """The resolved spec of a campaign file, and its laboratory.

    Raises:
        SpecError: The file cannot be read, or is wrong.
        AdapterError: Its laboratory cannot be built.
    """
    spec = read_campaign_file(path, settings)
    return spec, open_laboratory(settings, spec, base=path.absolute().parent)


def edits_of(settings: Settings, name: str) -> tuple[Path, str] | None:
    """The file of a campaign on record where it says something else than the record has, and what is wrong with it, ""
    where it can be used; None where there is nothing to say.

    Campaigns over libraries are passed over: their files take long to be read.
    """
    path = campaign_file(settings, name)
    on_record = spec_on_record(settings, name)
    if path is None or on_record is None or not path.is_file():
        return None
    if any(p["type"] in _LIBRARIES for p in on_record["space"].values()):
        return None
    try:
        spec = read_campaign_file(path, settings)
    except HakkenError as error:
        return path, str(error)
    try:
        is_other = not says_the_same(spec, on_record)
    except SpecError:  # of another release, which says so where the campaign goes on
        return None
    return (path, "") if is_other and spec.campaign == name else None


def known_as(settings: Settings, ledger: Ledger, spec: CampaignSpec) -> View | None:
    """The campaign of a spec as it is on record, None where it is not.

    Raises:
        SpecError: The spec changes what results on record mean, or its campaign is called nearly as another.
    """
    try:
        known = View(ledger, spec.campaign)
    except NotFound:
        _check_name(ledger, spec.campaign)
        return None
    _check_change(settings, known, spec)
    return known


def resolved_for(known: View | None, spec: CampaignSpec) -> Json:
    """The resolved spec as the record is to have it: what it has, where nothing differs in what that says."""
    with suppress(SpecError):  # what this release cannot read is replaced
        if known is not None and says_the_same(spec, known.campaign.spec):
            return known.campaign.spec
    return spec.resolved()


def says_the_same(spec: CampaignSpec, on_record: Json) -> bool:
    """Whether a spec says what the record has, with what this release writes besides, such as the default of a new key.

    Raises:
        SpecError: Another release wrote what is on record, and this one cannot read it.
    """
    return chosen_from(spec.resolved()) == chosen_from(CampaignSpec.from_resolved(on_record).resolved())


def chosen_from(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved spec without how the files of libraries were read whose molecules stand in it.

    So a file of which an earlier release, or another RDKit, made the same molecules makes no new version.
    """

    def without(p: Mapping[str, Any]) -> dict[str, Any]:
        return {key: said for key, said in p.items() if key != "stored" or p.get("options") is None}

    space = {name: without(p) for name, p in resolved["space"].items()}
    for name, p in space.items():
        if p["type"] == "union":
            space[name] = {**p, "of": {source: without(said) for source, said in p["of"].items()}}
    return {**resolved, "space": space}


def unreadable(view: View, spec: CampaignSpec) -> tuple[str, ...]:
    """What on record a changed spec could no longer read, one sentence for each observation."""
    space = build_space(spec)
    problems = []
    for o in view.observations:
        try:
            space.coordinates(o.settings)
        except SpaceError as error:
            problems.append(f"observation {o.id} ({view.label(o.settings)}): {error}")
    return tuple(problems)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read ({error.strerror}); check the path") from None


def _check_name(ledger: Ledger, name: str) -> None:
    """Refuse a name that differs in capitals only from one on record: a Mac's disk has one folder for both."""
    if alike := next((c.name for c in ledger.campaigns() if c.name.casefold() == name.casefold()), None):
        raise SpecError(
            f"campaign {name!r}: the record has {alike!r}, which differs in capitals only, and many disks keep one "
            f"folder for both; write campaign: {alike} to go on with that one, or give this one another name"
        )


def _check_change(settings: Settings, known: View, spec: CampaignSpec) -> None:
    """Refuse a change after which numbers on record would mean something else, or be lost to the planner."""
    if spec.resolved() == known.campaign.spec or not (known.observations or known.attempts):
        return
    _check_laboratory(settings, known, spec)
    before = known.spec
    units = [
        (f"target {name!r}", before.objective[name].unit, target.unit)
        for name, target in spec.objective.items()
        if name in before.objective
    ]
    for name, parameter in spec.space.items():
        earlier = before.space.get(name)
        match earlier, parameter:
            case (NumberSpec(unit=old), NumberSpec(unit=new)) | (
                ContextSpec(unit=str(old)),
                ContextSpec(unit=str(new)),
            ):
                units.append((f"parameter {name!r}", old, new))
    for what, old, new in units:
        if old != new:
            raise SpecError(
                f"campaign {known.name!r}: {what} has results in {old!r} on record and is in {new!r} now; "
                "keep the unit, or give the campaign another name"
            )
    _check_money(known, spec)
    _check_targets(known, spec)
    _check_words(known, spec)
    if problems := unreadable(known, spec):
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        added = [name for name in spec.space if name not in before.space and spec.space[name].type not in _NOT_VARIED]
        keep = "keep the parameters and options that were used (a constraint can exclude them)"
        keep = f"nothing says what {added[0]} was before, so leave it out" if added else keep
        raise SpecError(
            f"campaign {known.name!r}: the changed space no longer reads {problems[0]}{more}; {keep}, or give the "
            f"campaign another name: with memory: [{known.name}] it learns from this one",
            problems,
        )
    check_structures(known, spec)


def _check_money(known: View, spec: CampaignSpec) -> None:
    """Refuse another currency than results report their costs in; stated prices are what the file in force says."""
    was, now = (costs.unit if costs else "" for costs in (known.spec.costs, spec.costs))
    if was == now or not (was and now):  # money that had no name is named
        return
    expenses = [read_expense(o.context) for o in known.observations]
    expenses += reported(known.ledger.envelopes(known.name)).values()
    if any(e.cost for e in expenses):
        raise SpecError(
            f"campaign {known.name!r}: costs are in {was!r} in results on record and would be in {now!r} now, all "
            f"added up as one; keep costs.unit {was!r} and give the prices in it, or give the campaign another name"
        )


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
    before = {target.name: target for target in build_objective(known.spec).targets}
    for target in build_objective(spec).targets:
        if target.levels is None or (earlier := before.get(target.name)) is None:
            continue
        words, old_words = target.classes or target.words or (), earlier.classes or earlier.words or ()
        for value in sorted(_values(known, target.name)):
            was, now = earlier.shown(value), target.shown(value)
            if value not in target.levels:
                levels = ", ".join(words or (f"{level:g}" for level in target.levels))
                problem = f"are {was or f'{value:g}'}, which is none of {levels}; keep it among them"
            elif was != now and (was in words or now in old_words):
                keep = f"{value:g} for {was} (levels: [..., {value:g}, ...] and words: [..., {was}, ...])"
                keep = "the classes in their order" if target.classes else keep
                problem = f"were {was!r} and would be {now!r}; keep {keep}"
            else:
                continue
            raise SpecError(
                f"campaign {known.name!r}: target {target.name!r} has results on record that {problem}, or give the "
                "campaign another name"
            )


def _values(known: View, target: str) -> set[float]:
    """What was measured of a target."""
    outcomes = (o.outcome for o in known.observations)
    return {m.canonical for o in outcomes if not isinstance(o, Fault) for m in o.measurements if m.property == target}


def _check_laboratory(settings: Settings, known: View, spec: CampaignSpec) -> None:
    """Refuse another laboratory, or other options of it, while this one has attempts: it could not be asked for them.

    Going back to the laboratory that has every one of them is no such change, nor is how it is asked (a key, a time),
    nor another deck of a robot that has no plate in hand.
    """
    from adapters.registry import binding, binding_between_runs

    before, now = known.spec.laboratory, spec.laboratory
    out = [a for a in known.attempts if a.state in WITH_LABORATORY]
    if now.adapter != before.adapter:
        out = [a for a in out if a.adapter != now.adapter]
    elif binding(now.adapter, now.options) == binding(before.adapter, before.options):
        return
    elif binding_between_runs(now.adapter, now.options) == binding_between_runs(before.adapter, before.options):
        out = [] if _is_between_runs(settings, known, out) else out
    if out:
        what = "laboratory" if now.adapter != before.adapter else "laboratory's options"
        raise SpecError(
            f"campaign {known.name!r}: the {what} cannot be changed while {_attempts(len(out))} with "
            f"{out[0].adapter or before.adapter!r}, such as {out[0].key} ({out[0].state.value}); let them end first "
            f"(hakken stop {shlex.quote(known.name)} sends no more meanwhile, hakken resolve settles a doubtful one)"
        )


def _attempts(n: int) -> str:
    return "1 attempt is" if n == 1 else f"{n} attempts are"


def _is_between_runs(settings: Settings, known: View, out: Sequence[AttemptRecord]) -> bool:
    """Whether these attempts wait for their plate or for what is measured on it, and no plate is being made."""
    if any(a.state not in (State.SUBMITTED, State.RUNNING) for a in out):
        return False
    with suppress(HakkenError):  # one that cannot be asked may be at work
        laboratory = open_laboratory(settings, known.spec)
        return isinstance(laboratory, RunsTogether) and not laboratory.is_at_work()
    return False


def _go_on(settings: Settings, ledger: Ledger, name: str) -> None:
    """A finished campaign with a changed spec is active again: its budget or goal may be another."""
    if ledger.campaign(name).state is not CampaignState.FINISHED:
        return
    with writing(settings, ledger, name, settings.by) as work:
        work.set_state(CampaignState.ACTIVE, "the spec was changed")


def _remember(settings: Settings, name: str, base: Path, path: Path) -> None:
    """Note where the file was, whole or not at all: relative paths of the laboratory section start there."""
    target = settings.folder(name) / ORIGIN
    text = os.fsencode(json.dumps({"base": str(base), "file": path.name}, ensure_ascii=False, indent=2) + "\n")
    if target.is_file() and target.read_bytes() == text:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(target, text)
    reached("campaign.remembered")
