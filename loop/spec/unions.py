"""Unions of a library and products: their sources read one by one, and what cannot be joined to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loop.errors import HakkenError, SpaceError, SpecError
from loop.molecules.shelf import from_shelf
from loop.space.parameters import Component
from loop.space.pool import FEW, FEW_SLOW
from loop.space.united import BETWEEN, MOST, Made
from loop.spec.library_models import Libraries, StoredSpec
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec
from loop.spec.sieving import sieve_of
from loop.spec.space_models import (
    MixtureSpec,
    MoleculeSpec,
    NumberSpec,
    ParameterSpec,
    ProductsSpec,
    UnionSpec,
    sources_of,
)
from loop.spec.tables import ReadFile, resolve_options

NOT_OF_UNIONS: Final = {
    "ard": "gives each of the candidates an input of its own",
    "gp-mordred": "needs Mordred's descriptors of all candidates before any is chosen",
}
DESIGNS: Final = ("spread", "medoid", "random", "sobol", "lhs")


def resolve_union(spec: UnionSpec, read: ReadFile, libraries: Libraries | None) -> UnionSpec:
    """The spec with every source resolved, and ``left_out`` telling which products are in the library.

    That is told of up to 3,000 products; of more, one is passed over when it is made.

    Raises:
        SpecError: There are fewer than two sources or two libraries, one of them cannot be read, or the name of a
            reagent could be taken for two.
    """
    libraries_of = [name for name, source in spec.of.items() if isinstance(source, MoleculeSpec)]
    if len(spec.of) < 2:
        raise SpecError("a union joins two sources or more; add one under of, or write the one as the parameter itself")
    if len(libraries_of) > 1:
        raise SpecError(
            f"of: {libraries_of[0]!r} and {libraries_of[1]!r} are both libraries; give one, with all their files as "
            "its file: [a.csv, b.smi]"
        )
    if spec.left_out is not None:
        raise SpecError("left_out is written by hakken itself; remove it")
    of: dict[str, MoleculeSpec | ProductsSpec] = {}
    for name, source in spec.of.items():
        try:
            found = resolve_options(source, read, libraries)
        except HakkenError as error:
            raise SpecError(f"of.{name}: {error}") from None
        assert isinstance(found, MoleculeSpec | ProductsSpec)
        of[name] = found
        if isinstance(found, ProductsSpec):
            _refuse_ambiguous_names(name, found)
    resolved = spec.model_copy(update={"of": of})
    return resolved.model_copy(update={"left_out": _listed_already(resolved) or None})


def build_union(name: str, spec: UnionSpec) -> Component:
    """The parameter of a resolved union. Raises ``SpaceError``."""
    from loop.molecules.structures import StoredLibrary, few
    from loop.molecules.united import united

    library: StoredLibrary | None = None
    called, made = "", []
    for source, said in spec.of.items():
        if isinstance(said, ProductsSpec):
            made.append(_made(name, source, said))
        elif said.options is not None:
            called, library = source, few(tuple(said.options), tuple(said.options.values()))
        elif said.stored is not None:
            called, library = source, from_shelf(said.stored.key, said.stored.source)
        else:
            raise SpaceError(f"parameter {name!r}: file {said.file!r} was not read; use read_spec")
    size = sum(m.size for m in made) + (0 if library is None else len(library.names))
    if size > MOST:
        raise SpaceError(
            f"parameter {name!r}: {size:.1e} candidates are more than a union can tell apart ({MOST:.1e}); shorten the "
            "lists of reagents"
        )
    structures = united(called, library, tuple(made))
    return Component(name, structures.names, structures, is_library=True)


def stored_of(space: Mapping[str, ParameterSpec]) -> tuple[StoredSpec, ...]:
    """What became of the files of each library of a resolved space."""
    return tuple(p.stored for _, p in sources_of(space) if isinstance(p, MoleculeSpec) and p.stored is not None)


def problem_of_union(spec: CampaignSpec) -> Problem | None:
    """The first thing that a union cannot go together with; None where there is none. The space must be sound."""
    unions = [name for name, p in spec.space.items() if isinstance(p, UnionSpec)]
    if not unions:
        return None
    said = f"{unions[0]!r} is a union"
    others = [
        n for n, p in spec.space.items() if n != unions[0] and isinstance(p, UnionSpec | MoleculeSpec | ProductsSpec)
    ]
    if others:
        return ("space", others[0]), (
            f"{said}, and {others[0]!r} would be a second molecule of a candidate; make it a source under of, or a "
            "component"
        )
    named = [spec.planner.surrogate] if isinstance(spec.planner.surrogate, str) else spec.planner.surrogate
    if odd := [name for name in named if name in NOT_OF_UNIONS]:
        return ("planner", "surrogate"), (
            f"{said}, and {odd[0]!r} {NOT_OF_UNIONS[odd[0]]}; use tanimoto, fingerprints, trees, gp-descriptors, a "
            "graph network, or committee"
        )
    if (design := spec.planner.initial.design) not in DESIGNS:
        return ("planner", "initial"), (
            f"{said}, and the design {design!r} needs every option at once; use {', '.join(DESIGNS[:-1])} or "
            f"{DESIGNS[-1]}"
        )
    if numbers := [
        n
        for n, p in spec.space.items()
        if (isinstance(p, NumberSpec) and p.values is None and p.step is None)
        or (isinstance(p, MixtureSpec) and p.step is None)
    ]:
        return ("space", numbers[0]), (
            f"{said}, and beside one {numbers[0]!r} cannot be continuous: its candidates are looked up by number; give "
            "it a step"
        )
    if spec.plate is not None:
        return ("plate",), f"{said}, and a plate cannot be filled from one; leave plate: out, or give a library"
    if spec.general is not None:
        return ("general",), f"{said}, and general conditions are chosen from a list; give a component instead"
    prices = spec.costs.options if spec.costs is not None else None
    if prices and unions[0] in prices:
        return ("costs", "options", unions[0]), (
            f"{said}, and its candidates cannot be priced one by one; price experiment, or options of another parameter"
        )
    return None


def _refuse_ambiguous_names(source: str, spec: ProductsSpec) -> None:
    for which, reagents in spec.reagents.items():
        if odd := [name for name in reagents.options or () if BETWEEN in name]:
            raise SpecError(
                f"of.{source}.reagents.{which}: {odd[0]!r} holds {BETWEEN!r}, which stands between the reagents in a "
                "product's name; rename it"
            )


def _made(parameter: str, source: str, spec: ProductsSpec) -> Made:
    order = spec.order or list(spec.reagents)
    for which in order:
        if spec.reagents[which].options is None:
            raise SpaceError(f"parameter {parameter!r}: file {spec.reagents[which].file!r} was not read; use read_spec")
    options = [spec.reagents[which].options or {} for which in order]
    return Made(
        source,
        spec.reaction,
        tuple(order),
        tuple(map(tuple, options)),
        tuple(tuple(o.values()) for o in options),
        sieve_of(spec.standardise, spec.filters),
        spec.duplicates == "merge",
    )


def _listed_already(spec: UnionSpec) -> list[str]:
    """Which products are in the library, with the reason; nothing where they are many.

    What filters remove is told of each source.
    """
    p = build_union("union", spec)
    union, structures = p.united, p.selective
    assert union is not None
    assert structures is not None
    if len(union) - union.listed > (FEW_SLOW if union.is_slow else FEW):
        return []
    said = []
    for i in range(union.listed, len(union)):
        if (smiles := p.smiles[i]) in p.smiles or not smiles:
            said.append(f"{union[i]} {structures.refusal(i)}")
    return said
