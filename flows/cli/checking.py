"""``validate``: whether a campaign file can be used, before anything is recorded or sent."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.cli.screen import Json, Screen, columns_of
from flows.cli.showing.describing import descriptors_in, imputed_in
from flows.cli.showing.first_batch import first_batch
from flows.cli.showing.left_out import left_out_of, said_of, stored_in
from flows.cli.showing.unread import states_unread
from loop.perhaps_one import perhaps_one
from loop.sheets.cells import alike
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.foreseeing import Foreseen
    from loop.contracts import Health
    from loop.objective import Objective, Target
    from loop.space import Space

SHOWN: Final = 10  # reagents that were standardised
_WITHOUT: Final = re.compile(r"(no|without|w/o)\s|nothing$", re.IGNORECASE)  # begins what perhaps adds nothing
LOOKED_THROUGH: Final = 4_096  # options of one parameter, to see which may be confused


def validate(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A campaign file.")], as_json: Json = False
) -> None:
    """Check a campaign file and the laboratory it names; records and sends nothing."""
    from flows.cli.naming import begins, renamed, settings, typed
    from flows.cli.specfile import laboratory_of, read_campaign
    from flows.engine.campaigns import check_on_record
    from flows.engine.changes.notes import change_of
    from flows.engine.looking.whose import leaves_all_to_be_asked
    from flows.engine.sources.hearing import unknown_sources
    from flows.own_code import check_code
    from flows.wiring import names_on_record
    from loop.spec.limits import trimmings

    where = settings()
    guesses: list[str] = []
    campaign = read_campaign(spec, where, guesses.append)
    check_code(campaign, spec.absolute().parent)
    with laboratory_of(spec):
        check_on_record(where, campaign)
        facts, problems, foreseen = _examine(campaign, spec.parent)
    change = change_of(where, campaign, str(spec))
    problems += [] if change is None else [change.foretold(campaign.campaign, str(spec)), *change.notes]
    problems += [*renamed(where, spec, campaign.campaign), *guesses]
    problems += states_unread(campaign, spec.parent)
    problems += [*left_out_of(where, campaign), *_judged(where, campaign, spec.parent)]
    problems += trimmings(campaign)
    known = names_on_record(where)
    if isinstance(campaign.memory, list):
        problems += unknown_sources(campaign, known)
    screen = Screen(as_json)
    screen.document({**facts, "foreseen": foreseen, "problems": problems})
    screen.say(f"{spec}: campaign {campaign.campaign} can be used")
    screen.table(
        ("", ""),
        [
            (key.replace("_", " "), value if isinstance(value, str | int) else columns_of(value))
            for key, value in facts.items()
        ],
    )
    for problem in problems:
        screen.say(f"note: {problem}")
    it, runs = typed(spec), begins(spec, is_asked=leaves_all_to_be_asked(campaign))
    which = "next" if campaign.campaign in known else "first"
    screen.next_step(f"hakken run --dry-run {it} shows the {which} batch; {runs}")


def _examine(spec: Any, base: Path) -> tuple[dict[str, Any], list[str], Foreseen | None]:
    """What the file says in numbers, what is not as it should be now though the file can be used, and what of it the
    laboratory foresees."""
    from flows.engine.looking.totals import incomparable
    from loop.policy.hottest import is_yield
    from loop.space.counting import said_count
    from loop.space.idle import never_applying
    from loop.space.useless import keeping_nothing_out
    from loop.spec import build_objective, build_space
    from loop.spec.checks.at_random import unheard_at_random
    from loop.spec.checks.derived_targets import derived_without_value
    from loop.spec.checks.deriving import without_value
    from loop.spec.checks.percentages import beyond_all, perhaps_fractions
    from loop.spec.checks.unknown_solvents import unknown_solvents
    from loop.spec.costs import free_options

    space, objective = build_space(spec), build_objective(spec)
    candidates = said_count(space)
    refused, health, foreseen = _asked_of_laboratory(spec, base, objective)
    problems = [
        *refused,
        *(() if foreseen is None else foreseen.said(f"laboratory {spec.laboratory.adapter}")),
        *without_value(space),
        *derived_without_value(objective, space),
        *never_applying(space),
        *keeping_nothing_out(space),
        *_charges({**space.units, **objective.units}),
        *_confused(spec),
        *imputed_in(spec),
        *_reagents(spec),
        *incomparable(spec),
        *_unsaid_to_be_exact(spec),
        *_in_an_order(spec),
        *_runs_out(spec, space),
        *_without_a_rest(spec),
        *free_options(spec, space),
        *perhaps_fractions(spec),
        *beyond_all(spec, [t.name for t in objective.targets if is_yield(t)]),
        *unknown_solvents(spec),
        *unheard_at_random(spec),
    ]
    if not health.is_ok:
        problems.append(f"the laboratory cannot work now: {health.message}")
    problems += [*_shared_by_one_block(spec), *_empty_wells(spec, space, candidates)]
    return _facts(spec, space, objective, candidates), problems, foreseen


def _facts(spec: Any, space: Space, objective: Objective, candidates: int | str) -> dict[str, Any]:
    """What the file says, by what it is about."""
    from loop.spec import build_costs, build_general, build_plate
    from loop.spec.per_batch import build_batch_limits
    from loop.spec.sieving import told_of_products
    from loop.spec.tolerances import build_tolerances

    surrogate, batch, initial = spec.planner.surrogate, spec.planner.batch, spec.planner.initial
    plate, general = build_plate(spec, space), build_general(spec, space)
    tolerances = build_tolerances(spec, space)
    first = first_batch(spec, objective, space)
    if (copies := spec.planner.copies) > 1:
        batch = f"{plural(batch, 'proposal')}, {batch * copies} experiments"
    if spec.planner.mode == "rolling":
        batch = f"{batch} under way at once"
    if (limits := build_batch_limits(spec, space, build_costs(spec, space))) is not None:
        batch = f"{batch}{'' if limits.is_full else ' at most'}, within {limits.text}"
    if plate is not None:
        batch = f"a plate of {plate.rows} x {plate.columns} wells, {plate.new} for new conditions"
        first = f"a plate by {initial.design}"
    return {
        "campaign": spec.campaign,
        "parameters": list(space.shown_names),
        "candidates": candidates,
        **({"library": libraries} if (libraries := [said_of(stored) for stored in stored_in(spec)]) else {}),
        **({"products": list(made)} if (made := told_of_products(spec)) else {}),
        **({"descriptors": described} if (described := descriptors_in(space)) else {}),
        "constraints": len(spec.constraints),
        **({} if tolerances is None else {"tolerances": tolerances.said()}),
        "targets": [
            f"{'measure' if t.is_only_measured else t.goal.value} {t.name}"
            + (f" [{t.unit}]" if t.unit else "")
            + _asked(t)
            + (" by factors" if t.is_log else "")
            + (f" with caution ({t.cautious:g})" if t.cautious is not None else "")
            + (f" = {t.expression.text}" if t.expression is not None else "")
            for t in objective.targets
        ],
        **({} if general is None else {"general": general.described}),
        "surrogate": surrogate if isinstance(surrogate, str) else list(surrogate),
        "batch": batch,
        "first_batch": first,
        "budget": _budget(spec),
        "laboratory": spec.laboratory.adapter,
    }


def _asked_of_laboratory(spec: Any, base: Path, objective: Objective) -> tuple[list[str], Health, Foreseen | None]:
    """What the laboratory would refuse of an experiment, whether it can work, and which candidates it is certain to
    refuse. Raises as ``check_laboratory``."""
    from adapters.registry import build
    from flows.engine.looking.foreseeing import foresee
    from flows.engine.looking.resources import sample_experiments
    from flows.engine.looking.suiting import check_laboratory
    from loop.contracts import AdapterContext
    from loop.spec import build_recipe, levels_of, may_be_nothing_of, words_of

    with tempfile.TemporaryDirectory() as folder:  # building a laboratory may make its folder
        context = AdapterContext(
            folder,
            str(base),
            spec.campaign,
            objective.measured_units,
            recipe=build_recipe(spec),
            words=words_of(spec),
            levels=levels_of(spec),
            may_be_nothing=may_be_nothing_of(spec),
        )
        laboratory = build(spec.laboratory.adapter, spec.laboratory.options, context)
        check_laboratory(laboratory, spec)
        (example,) = sample_experiments(spec, 1)
        problems = [str(problem) for problem in laboratory.validate(example)]
        return problems, laboratory.health(), foresee(laboratory, spec)


def _judged(where: Any, spec: Any, base: Path) -> list[str]:
    """What a campaign on record remembers to be refused of the laboratory as the file has it now."""
    from flows.wiring import open_laboratory, spec_on_record
    from loop.contracts import JudgesTogether
    from loop.errors import HakkenError

    with suppress(HakkenError):  # what is wrong with the record is told where it is used
        if spec_on_record(where, spec.campaign) is not None:
            laboratory = open_laboratory(where, spec, base=base)
            return [str(p) for p in laboratory.judged()] if isinstance(laboratory, JudgesTogether) else []
    return []


def _unsaid_to_be_exact(spec: Any) -> Iterator[str]:
    """Targets that a calculation gives, and of which the file does not say so."""
    from adapters.registry import repeats

    unsaid = [name for name, t in spec.objective.items() if not t.exact and t.levels is None and t.classes is None]
    if unsaid and spec.general is None and repeats(spec.laboratory.adapter, spec.laboratory.options):
        what = ", ".join(unsaid)
        yield (
            f"laboratory {spec.laboratory.adapter} gives the same numbers each time; with exact: true of {what} under "
            "objective what was calculated is known, and not believed to scatter"
        )


def _in_an_order(spec: Any) -> Iterator[str]:
    """Classes that have an order, of which the file says nothing."""
    from flows.cli.starting.kinds import in_order

    for name, target in spec.objective.items():
        if (
            target.classes
            and not target.wanted
            and (order := in_order(target.classes))
            and order[-1] == target.classes[-1]
        ):
            yield (
                f"classes of {name} count alike, but for {target.classes[-1]}, which is looked for; where "
                f"{order[-2]} is nearer to {order[-1]} than {order[0]} is, write levels: [{', '.join(order)}]"
            )


def _runs_out(spec: Any, space: Space) -> Iterator[str]:
    """Stocks of all options that are used up before the budget's experiments are made, whatever is chosen."""
    most = spec.budget.experiments
    for name, said in (spec.budget.stock or {}).items():
        if most is None or not isinstance(said, Mapping) or name in (spec.budget.per or {}):
            continue
        column, uses = space.names.index(name), int(sum(said.values()))
        options = getattr(space.parameters[column], "size", 0)
        if column not in space.frame.conditional and len(said) == options and uses < most:
            enough = plural(uses, "experiment")
            yield (
                f"budget.stock has enough of {name} for {enough}, and the budget is {most}: the campaign ends when all "
                "is used up"
            )


def _without_a_rest(spec: Any) -> Iterator[str]:
    """Stocks of which a robot draws whatever there is in a tube, since the file does not say what stays."""
    from adapters.registry import laboratories_in, makes_plates

    named = laboratories_in(spec.laboratory.adapter, spec.laboratory.options)
    if spec.recipe is None or not any(makes_plates(adapter) for adapter, _ in named):
        return
    if unsaid := [name for name, stock in spec.recipe.stocks.items() if stock.dead is None and not stock.solid]:
        yield (
            f"of {', '.join(unsaid)} no rest is said that cannot be drawn, so that tubes are filled without one, and a "
            "tip that reaches the bottom draws air; write dead of each under recipe.stocks, such as dead: 50 uL, or "
            "dead: 0 uL where nothing stays"
        )


def _charges(units: Mapping[str, str]) -> Iterator[str]:
    """Units that look like degrees and are charges."""
    from loop.units import meant

    for name, unit in units.items():
        if (degrees := meant(unit, name)) != unit:
            yield f"{name} is in {unit}, which is a charge or a capacitance; write unit: {degrees} for degrees"


def _confused(spec: Any) -> Iterator[str]:
    """Names, and options of one parameter, that may be one and the same; options that are perhaps to add nothing."""
    from flows.engine.people.rows import IGNORED, PLAIN

    for words in alike([*spec.space, *spec.objective]):
        both = " and ".join(map(repr, words))
        yield f"{both} differ in capitals or spaces only; rename one, lest it be read for the other"
    for name in (*spec.space, *spec.objective):
        if name in PLAIN | IGNORED:
            column = "is called like a column that every table of results has"
            yield f"{name} {column}, so that no table can tell it; rename it"
    for name in spec.space:
        if name in ("plate", "well", "file", "procedure"):
            own = f"which call it 'setting {name}'"
            yield f"{name} is called like a column of worksheets, {own}; rename it, lest one be read for the other"
    budget, costs = spec.budget, spec.costs
    asked = {"hours": budget.hours is not None or (costs and costs.hour), "cost": budget.cost is not None}
    for name in spec.space:
        if asked.get(name):
            column = "the column of what an experiment took"
            yield f"{name} is called like {column}, which no table can tell then; rename it"
    counted = {*(spec.plate.at_most if spec.plate else ()), *(n for c in spec.constraints for n in _counted(c))}
    for name, p in spec.space.items():
        for words in _confusable(getattr(p, "options", None) or ()):
            yield (
                f"{name} has {' and '.join(map(repr, words))}, which differ in capitals or spaces only; where they are "
                "one option, keep one"
            )
        if not isinstance(options := getattr(p, "options", None) or (), Mapping) and len(options) <= LOOKED_THROUGH:
            for said in perhaps_one([option for option in options if isinstance(option, str)]):
                yield f"{name}: {said}; where two options are one substance, keep one of them"
        for option, structure in _with_structures(getattr(p, "options", None) or ()):
            is_none = option.casefold() == "none" or (name in counted and _WITHOUT.match(option))
            if is_none and option != "none" and structure is not None:
                used = "which counts as something that is used"
                yield f"{name} has {option!r}, {used}; what adds nothing is written none"


def _counted(constraint: Any) -> Collection[str]:
    """The parameters of which a constraint counts how many are used."""
    return getattr(constraint, "count", None) or ()


def _with_structures(options: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Options with their structures; where these are not given, with an empty one."""
    yield from options.items() if isinstance(options, Mapping) else ((option, "") for option in options)


def _reagents(spec: Any) -> Iterator[str]:
    """Reagents and molecules that were left out, and those that were standardised."""
    from loop.spec.space_models import UnionSpec, sources_of

    for name, p in sources_of(spec.space):
        between = ": " if isinstance(p, UnionSpec) else "."
        for line in getattr(p, "left_out", None) or ():
            yield f"left out of {name}{between}{line}"
        changed = list(getattr(p, "changed", None) or ())
        for line in changed[:SHOWN]:
            yield f"standardised in {name}.{line}"
        if len(changed) > SHOWN:
            yield f"standardised in {name}: {plural(len(changed) - SHOWN, 'reagent')} more; the record names each"


def _shared_by_one_block(spec: Any) -> Iterator[str]:
    """Parameters that all wells of a plate share, which may not be meant."""
    if spec.plate is None or spec.plate.blocks is not None:
        return
    for name, scope in spec.plate.share.items():
        if scope == "block":
            yield (
                f"{name} is shared by block, and the plate is one block, so that every well has one value; where that "
                f"is not meant, give plate.blocks, such as {{rows: {spec.plate.rows}, columns: 1}}"
            )


def _empty_wells(spec: Any, space: Space, candidates: int | str) -> Iterator[str]:
    """Wells of a first plate for which the space has no condition."""
    from loop.spec import build_plate

    plate = build_plate(spec, space)
    if plate is not None and isinstance(candidates, int) and candidates < plate.new:
        yield (
            f"a plate has {plate.new} wells for new conditions, and the space has {candidates}, so that wells stay "
            "empty; give a smaller plate, more replicates or controls, or more options"
        )


def _confusable(options: Collection[str]) -> list[list[str]]:
    """Names that differ in capitals or spaces only; not those that are SMILES, in which capitals are other atoms."""
    structures = options if isinstance(options, Mapping) else {}
    return [words for words in alike(options) if not all(structures.get(word) == word for word in words)]


def _asked(target: Target) -> str:
    """The value that is wanted of a target and its thresholds, as they are read from the file, in brackets."""
    said = [] if target.value is None else [f"{target.value:.10g}"]
    if target.within is not None:
        said.append(f"within {'a factor of ' * target.is_log}{target.within:.10g}")
    for what, end in (("at least", target.at_least), ("at most", target.at_most)):
        if end is not None:
            said.append(f"{what} {target.shown(end) or f'{end:.10g}'}")
    return f" ({', '.join(said)})" if said else ""


def _budget(spec: Any) -> int | str:
    """The number of experiments, or what else ends the campaign, in words."""
    from loop.costs import Purse
    from loop.policy.paying import in_words
    from loop.spec import build_space
    from loop.spec.costs import build_costs
    from loop.spec.stock import budget_of

    purse = budget_of(spec, build_costs(spec, build_space(spec)) if spec.budget.stock else None)
    unit = "" if spec.costs is None else spec.costs.unit
    if (n := spec.budget.experiments) is not None:
        return n if purse == Purse() else f"{plural(n, 'experiment')}, {in_words(purse, unit)}"
    return in_words(purse, unit) or "none; the rules under stop end it"
