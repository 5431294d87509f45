"""What there is to say of one plate, read from the record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Any, Final, Literal

from adapters.registry import laboratories_in, makes_plates
from flows.labels import arranged
from flows.plates.repeats import alone, arms_now
from flows.unsent import never_sent
from loop.as_written import in_order, written_in
from loop.contracts import Ledger
from loop.errors import NotFound
from loop.plate.layout import Plate, Scope, row_name, well_number
from loop.recipe import Recipe, in_words, possible, shortages, stock_list
from loop.record import Arm, AttemptRecord, ProposalRecord, Settings
from loop.spec import CampaignSpec, beside_of, build_recipe, declared_of
from loop.spec.space_models import CategorySpec, ComponentSpec, OrdinalSpec
from loop.units import unit_shown

NONE: Final = "\N{EN DASH}"  # what does not apply
_NOTHING: Final = re.compile(r"none|nothing|(no|without)( .*)?", re.IGNORECASE)  # an option that is another's absence


@dataclass(frozen=True, slots=True)
class Well:
    """A well with what goes into it."""

    label: str
    row: int  # from 0, as the column
    column: int
    block: int  # from 1
    settings: Settings
    arm: Arm
    run_order: int  # from 1
    key: str  # of its first attempt; "" while it waits for approval
    told: Mapping[str, str | float]  # its settings for a reader: a mixture as its parts, without what is not in it


@dataclass(frozen=True, slots=True)
class Common:
    """A value that a plate, block, row or column has in common."""

    parameter: str
    scope: Scope
    values: Mapping[int, str]  # by number of the group, from 1; text with its unit


@dataclass(frozen=True, slots=True)
class PlateView:
    """One plate: its layout, its wells in reading order, what they share, and what is needed for it."""

    campaign: str
    number: int
    rows: int
    columns: int
    block: tuple[int, int]
    wells: tuple[Well, ...]
    common: tuple[Common, ...]
    units: Mapping[str, str]  # of every parameter, "" for none
    stock: Mapping[str, Mapping[str, int]]  # by parameter with options: wells of each option
    targets: Mapping[str, str]  # with units
    beside: Mapping[str, str | None] = field(default_factory=dict)  # recorded with results: unit, None for a label
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of those labels that have some
    procedures: Mapping[str, str] = field(default_factory=dict)  # by well: what is done, where a recipe says it
    prepare: tuple[str, ...] = ()  # what to prepare for the plate, a line for each stock
    short: tuple[str, ...] = ()  # what there is too little of
    nothing: Mapping[str, Collection[str]] = field(default_factory=dict)  # by parameter options that add nothing
    robots: Literal["none", "some", "all"] = "none"  # of its laboratories, those that fill a plate as a whole

    @property
    def stocks(self) -> Mapping[str, Mapping[str, int]]:
        """What stock there has to be, as ``stock`` without options that add nothing."""
        without = self.nothing
        kept = {n: {o: wells for o, wells in of.items() if o not in without.get(n, ())} for n, of in self.stock.items()}
        return {name: options for name, options in kept.items() if options}

    @property
    def single(self) -> tuple[str, ...]:
        """The parameters that each well has for itself."""
        shared = {c.parameter for c in self.common}
        return tuple(name for name in self.units if name not in shared)

    def with_targets_in_order(self, targets: Sequence[str]) -> PlateView:
        """The same with its targets in the order in which the campaign file has them, as the record has parameters."""
        return replace(self, targets={name: self.targets[name] for name in in_order(self.targets, targets)})

    def shown(self, parameter: str, value: str | float | None) -> str:
        """A setting as text, with its unit; a dash where it does not apply."""
        if value is None:
            return NONE
        return value if isinstance(value, str) else f"{value:g} {self.units.get(parameter, '')}".strip()


def view_plate(
    ledger: Ledger, campaign: str, number: int, places: Mapping[str, Sequence[tuple[str, float]]] | None = None
) -> PlateView:
    """The plate of a round, with what is done in each well and prepared for it where a recipe says so.

    ``places``: of its stocks, where a laboratory says them (``loop.contracts.LaysOut``).

    Raises:
        NotFound: There is no such round, or its batch is no plate.
    """
    spec = ledger.spec_version(campaign, ledger.round(campaign, number).version)
    proposals = ledger.proposals(campaign, number)
    if not any(p.draft.place for p in proposals) or not spec.get("plate"):
        there = plates_of(ledger, campaign)
        are = f"plates were planned in round{'s' * (len(there) > 1)} {', '.join(map(str, there))}"
        makes = "a section 'plate' in the campaign file makes the next rounds plates"
        raise NotFound(f"round {number} of campaign {campaign!r} is no plate; {are if there else makes}")
    attempts = ledger.attempts(campaign)
    if not laid_out(proposals, attempts):
        raise NotFound(
            f"of the plate of round {number} of campaign {campaign!r} no well is to be made, all were refused or "
            f"withdrawn; hakken show {quote(campaign)} {number} says why"
        )
    view = read_plate(spec, campaign, number, proposals, attempts)
    recipe = build_recipe(CampaignSpec.from_record(spec))
    return view if recipe is None else _with_recipe(view, recipe, places)


def plates_of(ledger: Ledger, campaign: str) -> tuple[int, ...]:
    """The rounds that are plates with a well to be made, rising."""
    return tuple(sorted({p.round_number for p in laid_out(ledger.proposals(campaign), ledger.attempts(campaign))}))


def laid_out(proposals: Iterable[ProposalRecord], attempts: Iterable[AttemptRecord]) -> tuple[ProposalRecord, ...]:
    """The proposals that have a well: not those refused, whose wells stay empty or hold what took their place, nor
    those withdrawn before they were sent."""
    unsent = never_sent(attempts)
    return tuple(p for p in proposals if p.draft.place is not None and p.approved is not False and p.id not in unsent)


def read_plate(
    spec: Mapping[str, Any],
    campaign: str,
    number: int,
    proposals: Iterable[ProposalRecord],
    attempts: Iterable[AttemptRecord],
) -> PlateView:
    """The plate that these proposals make, without what a recipe says of it; ``spec`` is the resolved one of then."""
    said, said_of = spec["plate"], CampaignSpec.from_record(spec)
    blocks = said.get("blocks") or {"rows": said["rows"], "columns": said["columns"]}
    block = (int(blocks["rows"]), int(blocks["columns"]))
    layout = Plate(int(said["rows"]), int(said["columns"]), block)
    attempts = tuple(attempts)
    keys = {a.proposal_id: a.key for a in attempts if a.attempt_no == 0}
    proposals = tuple(proposals)
    there, wells = laid_out(proposals, attempts), []
    arms = arms_now(proposals, alone(there))
    for p in there:
        if p.draft.place is not None:
            place, d = p.draft.place, p.draft
            row, column = divmod(well_number(place.well, layout.columns), layout.columns)
            key = keys.get(p.id, "")
            settings = d.candidate.settings
            told = arranged(spec, settings)
            wells.append(
                Well(place.well, row, column, place.block, settings, arms.get(p.id, d.arm), d.run_order + 1, key, told)
            )
    wells.sort(key=lambda w: (w.row, w.column))
    ordered = in_order(dict.fromkeys(name for w in wells for name in w.settings), written_in(spec["space"]))
    units = {name: unit_shown(str((spec["space"].get(name) or {}).get("unit") or "")) for name in ordered}
    view = PlateView(
        campaign,
        number,
        layout.rows,
        layout.columns,
        block,
        tuple(wells),
        (),
        units,
        {n: _counted(wells, n) for n in ordered if any(isinstance(w.settings.get(n), str) for w in wells)},
        {name: unit_shown(str(t.get("unit") or "")) for name, t in spec["objective"].items()},
        beside_of(said_of),
        {name: options for name, options in declared_of(said_of).items() if options},
        nothing=dict(_nothing(said_of)),
        robots=_robots(said_of),
    )
    shares = said.get("share") or {}
    common = tuple(_common(view, layout, name, Scope(shares[name])) for name in in_order(shares, [*spec["space"]]))
    return replace(view, common=common)


def _robots(spec: CampaignSpec) -> Literal["none", "some", "all"]:
    named = laboratories_in(spec.laboratory.adapter, spec.laboratory.options)
    fill = [makes_plates(adapter) and options.get("runs") != "each" for adapter, options in named]
    return "all" if all(fill) else "some" if any(fill) else "none"


def _with_recipe(
    view: PlateView, recipe: Recipe, places: Mapping[str, Sequence[tuple[str, float]]] | None
) -> PlateView:
    """The plate with what is done in each well, and the stocks that this takes."""
    sound = [procedure for w in view.wells if (procedure := possible(recipe, w.settings)) is not None]
    return replace(
        view,
        procedures={w.label: in_words(recipe, w.settings) for w in view.wells},
        prepare=stock_list(recipe, sound, places),
        short=tuple(str(problem) for problem in shortages(recipe, sound)),
    )


def _nothing(spec: CampaignSpec) -> Iterator[tuple[str, frozenset[str]]]:
    """Parameters with options that add nothing: the one without a structure, or those of which their name says it."""
    for name, p in spec.space.items():
        if isinstance(p, ComponentSpec) and p.options and None in p.options.values():
            yield name, frozenset(option for option, smiles in p.options.items() if smiles is None)
        elif isinstance(p, ComponentSpec | CategorySpec | OrdinalSpec):
            yield name, frozenset(option for option in p.options or () if _NOTHING.fullmatch(option))


def _counted(wells: Sequence[Well], name: str) -> Mapping[str, int]:
    count = Counter(str(w.settings[name]) for w in wells if name in w.settings)
    return dict(sorted(count.items(), key=lambda pair: (-pair[1], pair[0])))


def _common(view: PlateView, layout: Plate, name: str, scope: Scope) -> Common:
    group = layout.group(scope)
    values: dict[int, str] = {}
    for w in view.wells:
        parts = [n for n in view.units if n in w.settings and (n == name or n.startswith(f"{name}."))]  # of a mixture
        shown = " + ".join(
            view.shown(n, w.settings[n]) if n == name else f"{w.settings[n]:g} {n.removeprefix(f'{name}.')}"
            for n in parts
            if n == name or w.settings[n]
        )
        values[int(group[w.row * layout.columns + w.column]) + 1] = shown
    return Common(name, scope, dict(sorted(values.items())))


def document(plate: PlateView) -> dict[str, Any]:
    """What is on a plate, for a program: its wells in reading order, what they share, and what is needed for it."""
    wells = [
        {
            "well": w.label,
            "row": w.row + 1,
            "column": w.column + 1,
            "block": w.block,
            "run_order": w.run_order,
            "arm": w.arm.value,
            "key": w.key or None,
            "settings": dict(w.settings),
            **({"procedure": plate.procedures[w.label]} if w.label in plate.procedures else {}),
        }
        for w in plate.wells
    ]
    shared = [
        {
            "parameter": c.parameter,
            "by": c.scope.value,
            "values": {group_name(c.scope, n): v for n, v in c.values.items()},
        }
        for c in plate.common
    ]
    return {
        "rows": plate.rows,
        "columns": plate.columns,
        "block": {"rows": plate.block[0], "columns": plate.block[1]},
        "units": {name: unit for name, unit in plate.units.items() if unit},
        "shared": shared,
        "wells": wells,
        "stocks": plate.stocks,
        "prepare": list(plate.prepare),
        "short": list(plate.short),
    }


def group_name(scope: Scope, number: int) -> str:
    """A group as people call it: row C, column 5, block 2; "plate" for the whole."""
    match scope:
        case Scope.PLATE:
            return "plate"
        case Scope.ROW:
            return f"row {row_name(number - 1)}"
        case Scope.COLUMN | Scope.BLOCK:
            return f"{scope.value} {number}"
