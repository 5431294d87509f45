"""From what a spec says to the domain: parameters, constraints, objective."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from loop.circumstances import Declared
from loop.classes import CLASSES, Classes
from loop.errors import ObjectiveError, SpaceError, UnitError
from loop.limits import Limits
from loop.objective import Goal, Objective, Target, Tradeoff
from loop.record import PLACED
from loop.space import (
    Category,
    Component,
    Constraint,
    Continuous,
    Count,
    Descriptors,
    Discrete,
    Linear,
    Mixture,
    Ordinal,
    Parameter,
    Products,
    Space,
)
from loop.space.determined import with_determined_values
from loop.space.exchanging import in_any_order, rules_of_order
from loop.space.expressions import Expression
from loop.space.structure import Applies
from loop.spec.constraints import build_conditions, build_constraint, build_derived, computable
from loop.spec.describing import descriptors_of
from loop.spec.earlier import earlier_of
from loop.spec.interchangeable import build_slots, with_options_alike
from loop.spec.limits import derived_limits, plain_limits, trimmed
from loop.spec.models import CampaignSpec, TargetSpec
from loop.spec.sieving import sieve_of
from loop.spec.space_models import (
    CategorySpec,
    ComponentSpec,
    ContextSpec,
    DerivedSpec,
    FidelitySpec,
    InterchangeableSpec,
    MixtureSpec,
    MoleculeSpec,
    NumberSpec,
    OrdinalSpec,
    ParameterSpec,
    ProductsSpec,
    UnionSpec,
)
from loop.units import check_unit, unit_shown

MOST_STEPS: Final = 100_000  # of a number that is not continuous


def build_space(spec: CampaignSpec) -> Space:
    """The search space of a resolved spec (no ``file`` left). Raises ``SpaceError`` or ``UnitError``.

    A mixture is one number for each part; what is derived or only recorded has no coordinate. Nothing in it breaks a
    limit of the laboratory. A number that an equality settles has the values that it leaves.

    Columns have the order of the spec; of one from a record that of the alphabet, and the order in which the campaign
    file has its parameters decides what a person reads, and no number.
    """
    for name, p in spec.space.items():
        if isinstance(p, NumberSpec | DerivedSpec | ContextSpec):
            _check_unit("parameter", name, p.unit or "")
    limits = plain_limits(spec)
    parameters: list[Parameter] = []
    mixtures: list[Mixture] = []
    products: list[Products] = []
    columns = dict(sorted(spec.space.items())) if spec.is_recorded else spec.space
    for name, p in columns.items():
        if isinstance(p, MixtureSpec):
            mixture, parts = _mixture(name, p, len(parameters), is_sorted=spec.is_recorded)
            mixtures.append(mixture)
            parameters.extend(parts)
        elif isinstance(p, ProductsSpec):
            made, lists = _products(name, p, len(parameters))
            products.append(made)
            parameters.extend(lists)
        elif not isinstance(p, DerivedSpec | ContextSpec):
            parameters.append(trimmed(_parameter(name, p), limits))
    if not parameters:
        raise SpaceError(
            "the space has nothing to choose: every parameter is derived or context; add one that is varied"
        )
    names = [p.name for p in parameters] + [n for n, p in columns.items() if isinstance(p, DerivedSpec)]
    if twice := [n for n in names if names.count(n) > 1]:
        raise SpaceError(f"parameter {twice[0]!r} is given twice, once as a part of another; rename one")
    written = parameters_of(spec)
    bare = Space(
        tuple(parameters),
        mixtures=tuple(mixtures),
        products=tuple(products),
        written=written,
        earlier=earlier_of(columns),
    )
    bare = with_options_alike(spec.constraints, bare)
    conditions = build_conditions(columns, bare)
    derived = build_derived(columns, bare)
    tied = replace(bare, derived=derived, conditions=conditions)
    tied = replace(tied, slots=build_slots(spec.constraints, tied))
    rules = [rule for m in tied.mixtures for rule in _of_mixture(m, tied)]
    recorded = context_of(spec)
    slots = iter(tied.slots)  # one for each constraint that says so
    for i, c in enumerate(spec.constraints, start=1):
        if isinstance(c, InterchangeableSpec):
            rules.extend(rules_of_order(next(slots), tied))
        else:
            rules.extend(in_any_order(build_constraint(i, c, tied, recorded), tied.slots))
    rules.extend(build_constraint(0, c, tied) for c in derived_limits(spec, limits))
    rules.extend(computable(tied))
    return with_determined_values(replace(tied, constraints=tuple(rules)))


def build_limits(spec: CampaignSpec) -> Limits:
    """The limits of a resolved spec, those of derived numbers with their formulas. Raises ``SpaceError``."""
    limits = plain_limits(spec)
    derived = {name for name, p in spec.space.items() if isinstance(p, DerivedSpec)}
    if not any(b.of in derived for b in limits.numbers):
        return limits
    formulas = {d.name: d.formula.expression for d in build_space(spec).derived}
    return replace(limits, numbers=tuple(replace(b, formula=formulas.get(b.of)) for b in limits.numbers))


def context_of(spec: CampaignSpec) -> Mapping[str, ContextSpec]:
    """What is recorded with results and never chosen, by name."""
    return {name: p for name, p in spec.space.items() if isinstance(p, ContextSpec)}


def declared_of(spec: CampaignSpec) -> Declared:
    """The options of each context parameter, none where it may be any text; None for a number."""
    return {name: tuple(p.options or ()) if p.unit is None else None for name, p in context_of(spec).items()}


def beside_of(spec: CampaignSpec) -> Mapping[str, str | None]:
    """What a person is asked to record beside each result, by name: the unit of a number, None for a label.

    These are the context parameters, and effects of the noise that are known without being declared; those that the
    planned place on a plate tells are not asked for.
    """
    effects = () if spec.noise is None else spec.noise.effects
    declared = {name: p.unit for name, p in context_of(spec).items()}
    told = () if spec.plate is None else PLACED
    return {name: unit for name, unit in (dict.fromkeys(effects) | declared).items() if name not in told}


def build_objective(spec: CampaignSpec) -> Objective:
    """The objective. Raises ``ObjectiveError`` or ``UnitError``."""
    for name, t in spec.wanted.items():
        _check_unit("target", name, t.unit)
    wanted = [t for t in spec.wanted.values() if t.goal is not Goal.KEEP]
    if spec.tradeoff is Tradeoff.PARETO and len(wanted) == 1:
        raise ObjectiveError("tradeoff 'pareto' weighs several targets and the objective optimises one; remove it")
    said = {name: Expression(t.expression) for name, t in (spec.derived or {}).items()}
    parts = {name for expression in said.values() for name in expression.names}
    targets = [target_of(n, t, is_part=n in parts, expression=said.get(n)) for n, t in spec.wanted.items()]
    return Objective(tuple(targets), spec.tradeoff or Tradeoff.PARETO)


def target_of(name: str, spec: TargetSpec, *, is_part: bool = False, expression: Expression | None = None) -> Target:
    """One target, by ``expression`` where it is derived, or the part of one that is. Raises ``ObjectiveError``."""
    ends = spec.desirable
    return Target(
        name,
        spec.goal,
        unit_shown(spec.unit),
        spec.low,
        spec.high,
        spec.at_least,
        spec.at_most,
        value=spec.value,
        within=spec.within,
        weight=1.0 if spec.weight is None else spec.weight,
        desirable=None if ends is None else (ends["from"], ends["to"]),
        levels=_levels(spec),
        classes=classes_of(spec),
        words=None if spec.words is None else tuple(spec.words),
        is_exact=bool(spec.exact),
        cautious=spec.cautious,
        is_log=spec.scale == "log",
        is_part=is_part,
        expression=expression,
    )


def classes_of(spec: TargetSpec) -> Classes | None:
    """The words that a target is told in, which know what is wanted; None where it is told in numbers or levels."""
    return None if spec.classes is None else Classes(spec.classes, spec.wanted or ())


def _levels(spec: TargetSpec) -> tuple[float, ...] | None:
    if spec.levels is None:
        return None if spec.classes is None else CLASSES
    return tuple(spec.levels)


def looks_for_hits(spec: CampaignSpec, objective: Objective) -> bool:
    """Whether a campaign looks for hits: by its acquisition function, or because all its targets have classes."""
    return objective.tells_hits and (objective.has_classes or spec.planner.acquisition == "hits")


def levels_of(spec: CampaignSpec) -> dict[str, tuple[float, ...]]:
    """What ordinal targets can be, and the numbers of classes, by target. The objective must be sound."""
    kinds = ((n, c.numbers if (c := classes_of(t)) else _levels(t)) for n, t in spec.objective.items())
    return {n: levels for n, levels in kinds if levels is not None}


def words_of(spec: CampaignSpec) -> dict[str, tuple[str, ...]]:
    """The words for the levels or classes of each target that has words, by target."""
    kinds = ((name, classes_of(t) or tuple(t.words or ())) for name, t in spec.objective.items())
    return {name: words for name, words in kinds if words}


def molecules_of(spec: CampaignSpec) -> tuple[str, ...]:
    """The parameters that are a library, products of reagents, or a union of them."""
    return tuple(n for n, p in spec.space.items() if isinstance(p, MoleculeSpec | ProductsSpec | UnionSpec))


def may_be_nothing_of(spec: CampaignSpec) -> tuple[str, ...]:
    """The components of which an option adds nothing."""
    listed = ((n, p.options) for n, p in spec.space.items() if isinstance(p, ComponentSpec))
    return tuple(n for n, options in listed if options is not None and None in options.values())


def parameters_of(spec: CampaignSpec) -> tuple[str, ...]:
    """The parameters in the order in which the file has them, parts of mixtures and lists of reagents with theirs."""
    found: list[str] = []
    for name, parameter in spec.space.items():
        parts: Iterable[str] = parameter.parts if isinstance(parameter, MixtureSpec) else ()
        if isinstance(parameter, ProductsSpec):
            parts = parameter.order or parameter.reagents
        found += [name, *(f"{name}.{part}" for part in parts)]
    return tuple(found)


def _check_unit(kind: str, name: str, unit: str) -> None:
    try:
        check_unit(unit)
    except UnitError as error:
        raise UnitError(f"{kind} {name!r}: {error}") from None


def _parameter(name: str, spec: ParameterSpec) -> Parameter:
    match spec:
        case UnionSpec():
            from loop.spec.unions import build_union  # RDKit: only where products are made

            return build_union(name, spec)
        case ComponentSpec() | MoleculeSpec():
            return _component(name, spec)
        case CategorySpec():
            return Category(name, tuple(spec.options), descriptors=_descriptors(name, spec))
        case FidelitySpec():
            return Category(name, tuple(spec.options), is_fidelity=True)
        case OrdinalSpec():
            return Ordinal(name, tuple(spec.options))
    assert isinstance(spec, NumberSpec)
    return _number(name, spec)


def _component(name: str, spec: ComponentSpec | MoleculeSpec) -> Component:
    if isinstance(spec, MoleculeSpec) and spec.options is None and spec.stored is not None:
        from loop.molecules.shelf import from_shelf  # RDKit: only where a library is stored

        library = from_shelf(spec.stored.key, spec.stored.source)
        return Component(name, library.names, library.structures, is_library=True)
    if spec.options is None:
        raise SpaceError(f"parameter {name!r}: file {spec.file!r} was not read; use read_spec")
    return Component(
        name,
        tuple(spec.options),
        tuple(smiles or "" for smiles in spec.options.values()),
        is_library=isinstance(spec, MoleculeSpec),
        role=(spec.role or "") if isinstance(spec, ComponentSpec) else "",
        descriptors=_descriptors(name, spec) if isinstance(spec, ComponentSpec) else None,
    )


def _number(name: str, spec: NumberSpec) -> Continuous | Discrete:
    scale, or_zero = spec.scale or "linear", bool(spec.or_zero)
    if spec.values is not None:
        values = tuple(sorted(spec.values))
        if or_zero and values[0] <= 0:
            raise SpaceError(
                f"parameter {name!r}: or_zero adds zero to amounts above zero, got {values[0]:g}; leave one of them out"
            )
        return Discrete(name, (0.0, *values) if or_zero else values, unit_shown(spec.unit), scale, or_zero)
    if spec.low is None or spec.high is None:
        raise SpaceError(f"parameter {name!r}: low and high come together; give both")
    if spec.step is None:
        return Continuous(name, spec.low, spec.high, unit_shown(spec.unit), scale, or_zero)
    grid = _grid(name, spec.low, spec.high, spec.step, or_zero=or_zero)
    return Discrete(name, (0.0, *grid) if or_zero else grid, unit_shown(spec.unit), scale, or_zero, in_steps=True)


def _grid(name: str, low: float, high: float, step: float, *, or_zero: bool) -> tuple[float, ...]:
    """Every value from low to high in equal steps. Raises ``SpaceError``."""
    if not low < high:
        raise SpaceError(f"parameter {name!r}: low must be below high, got {low} and {high}")
    if or_zero and not low > 0:
        raise SpaceError(
            f"parameter {name!r}: or_zero adds zero to amounts above zero, got low {low:g}; "
            "raise low, or leave or_zero out"
        )
    steps = (high - low) / step
    if abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
        raise SpaceError(
            f"parameter {name!r}: step {step:g} does not divide {low:g} to {high:g}; "
            "choose a step that does, or give values"
        )
    if steps > MOST_STEPS:
        raise SpaceError(f"parameter {name!r}: {steps:.0f} steps are too many; leave step out for a continuous number")
    return tuple(round(low + i * step, 12) for i in range(round(steps) + 1))


def _descriptors(name: str, spec: ComponentSpec | CategorySpec) -> Descriptors | None:
    try:
        return descriptors_of(spec)
    except SpaceError as error:
        raise SpaceError(f"parameter {name!r}: {error}") from None


def _of_mixture(m: Mixture, space: Space) -> list[Constraint]:
    """Its parts sum to one where it applies, and only so many are used."""
    first = m.columns[0]
    applies = Applies(space.frame, first) if first in space.frame.conditional else None
    rules: list[Constraint] = [
        Linear(f"{m.name}: its parts sum to one", dict.fromkeys(m.columns, 1.0), 1.0, 1.0, applies)
    ]
    if m.at_most is not None:
        zeros = dict.fromkeys(m.columns, frozenset([0.0]))
        rules.append(Count(f"{m.name}: at most {m.at_most} parts", zeros, 0, m.at_most))
    return rules


def _products(name: str, spec: ProductsSpec, first: int) -> tuple[Products, list[Parameter]]:
    """The products whose first list of reagents has column ``first``, and the lists as components."""
    order = spec.order or list(spec.reagents)
    lists: list[Parameter] = []
    for which in order:
        options = spec.reagents[which].options
        if options is None:
            raise SpaceError(f"parameter {name!r}: file {spec.reagents[which].file!r} was not read; use read_spec")
        lists.append(Component(f"{name}.{which}", tuple(options), tuple(options.values())))
    columns = tuple(range(first, first + len(lists)))
    sieve = sieve_of(spec.standardise, spec.filters)
    return Products(name, spec.reaction, columns, sieve, spec.duplicates == "merge"), lists


def _mixture(name: str, spec: MixtureSpec, first: int, *, is_sorted: bool) -> tuple[Mixture, list[Parameter]]:
    """The mixture whose first part has column ``first``, and its parts as numbers, perhaps sorted by their names."""
    parts = tuple(sorted(spec.parts) if is_sorted and isinstance(spec.parts, dict) else spec.parts)
    if len(parts) < 2:
        raise SpaceError(f"parameter {name!r}: a mixture needs two parts or more, got {len(parts)}; add one")
    if twice := [p for p in parts if parts.count(p) > 1]:
        raise SpaceError(f"parameter {name!r}: part {twice[0]!r} is given twice; keep one")
    if spec.at_most is not None and spec.at_most > len(parts):
        raise SpaceError(
            f"parameter {name!r}: at_most {spec.at_most} of {len(parts)} parts says nothing; lower it, or leave it out"
        )
    smiles = tuple(spec.parts[part] for part in parts) if isinstance(spec.parts, dict) else ()
    if len(set(smiles)) < len(smiles):
        again = next(p for p, s in zip(parts, smiles, strict=True) if smiles.index(s) < parts.index(p))
        raise SpaceError(f"parameter {name!r}: part {again!r} is the same molecule as another; keep one of them")
    least, step = spec.least or 0.0, spec.step
    if step is None:
        numbers: list[Parameter] = [
            Continuous(f"{name}.{part}", least, 1.0, or_zero=True) if least else Continuous(f"{name}.{part}", 0.0, 1.0)
            for part in parts
        ]
    else:
        steps = round(1 / step)
        if abs(steps * step - 1) > 1e-9:
            raise SpaceError(f"parameter {name!r}: step {step:g} does not divide 1; choose a step that does")
        grid = tuple(v for v in (round(i / steps, 12) for i in range(1, steps + 1)) if v >= least - 1e-9)
        numbers = [Discrete(f"{name}.{part}", (0.0, *grid), in_steps=True) for part in parts]
    columns = tuple(range(first, first + len(parts)))
    return Mixture(name, parts, columns, smiles, spec.at_most, least), numbers
