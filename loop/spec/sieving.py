"""From what a spec says to a sieve: how structures are standardised, what they must keep to, and what that leaves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loop.errors import MoleculeError, SpecError
from loop.space.counting import MADE, MADE_SLOW, wilson
from loop.space.pool import FEW, FEW_SLOW
from loop.spec.library_models import FiltersSpec, MadeSpec, StandardiseSpec
from loop.spec.space_models import ProductsSpec, sources_of

if TYPE_CHECKING:
    from loop.molecules.filters import Filters
    from loop.molecules.sieve import Sieve
    from loop.molecules.standardise import Policy
    from loop.space import Products
    from loop.spec.models import CampaignSpec


def policy_of(spec: StandardiseSpec | None) -> Policy:
    """How structures are standardised; without a spec each is taken as it is given."""
    from loop.molecules.standardise import Policy  # RDKit: only where it is asked for

    return Policy() if spec is None else Policy(**spec.model_dump())


def filters_of(spec: FiltersSpec | None) -> Filters:
    """What structures must keep to.

    Raises:
        SpecError: There is no such descriptor or catalogue, or a SMARTS cannot be read.
    """
    from loop.molecules.filters import Filters

    if spec is None:
        return Filters()
    windows = {name: window.ends for name, window in (spec.properties or {}).items()}
    filters = Filters(
        windows,
        tuple(spec.alerts or ()),
        None if spec.sa_score is None else spec.sa_score.ends,
        tuple(spec.require or ()),
        tuple(spec.forbid or ()),
    )
    try:
        assert filters.tests is not None  # every name in it is known
    except MoleculeError as error:
        raise SpecError(f"filters.{error}") from None
    return filters


def sieve_of(standardise: StandardiseSpec | None, filters: FiltersSpec | None) -> Sieve | None:
    """The sieve of structures; None where each is taken as it is. Raises ``SpecError`` for an unknown filter."""
    if standardise is None and filters is None:
        return None
    from loop.molecules.sieve import Sieve

    return Sieve(policy_of(standardise), filters_of(filters))


def made_of(spec: ProductsSpec, products: Products, lists: Sequence[Sequence[str]]) -> MadeSpec | None:
    """What becomes of products: of all where they are few, else of a random sample, the same each time.

    None where there is nothing to tell: no filter is asked, and no product is seen to come twice.

    Args:
        spec: What is asked of them.
        products: The reaction and the sieve.
        lists: The reagents of each list, as SMILES.

    Raises:
        SpecError: No product that was made passes every filter.
    """
    sieve = products.sieve
    is_slow = sieve is not None and sieve.is_slow
    number = math.prod(len(reagents) for reagents in lists)
    is_all = number <= (FEW_SLOW if is_slow else FEW)
    if sieve is None and (not is_all or spec.duplicates == "keep"):
        return None
    if is_all:
        chosen = np.indices([len(r) for r in lists]).reshape(len(lists), -1).T
    else:
        rng = np.random.default_rng(0)
        n = MADE_SLOW if is_slow else MADE
        chosen = np.unique(np.column_stack([rng.integers(0, len(r), n) for r in lists]), axis=0)
    taken = [products.of([r[i] for r, i in zip(lists, row, strict=True)]) for row in chosen.tolist()]
    removed = Counter(t.refusal for t in taken if t.refusal is not None)
    kept = [t.smiles for t in taken if t.refusal is None]
    if not kept:
        raise SpecError(_none_left(removed, len(taken), is_all=is_all))
    structures = [smiles for smiles in kept if smiles]
    twice = len(structures) - len(set(structures)) if is_all else None
    if spec.filters is None and not removed and not twice:
        return None
    return MadeSpec(looked=len(taken), is_all=is_all, kept=len(kept), removed=dict(removed), duplicates=twice)


def _none_left(removed: Counter[str], looked: int, *, is_all: bool) -> str:
    """Which filter leaves nothing, with the way out."""
    name, number = removed.most_common(1)[0]
    of = f"any of the {looked} products" if is_all else f"any of {looked} products made at random"
    others = f", and {', '.join(n for n in removed if n != name)} the others" if number < looked else ""
    where = f"filters.{name}" if "." in name or name == "sa_score" else f"filters ({name})"
    return f"{where} leaves out {number} of {looked}{others}, so filters leave not {of}; loosen or remove it"


def told_of_products(spec: CampaignSpec) -> tuple[str, ...]:
    """What became of products that were made when the file was read, in a sentence for each parameter that has such."""
    return tuple(
        told_of_made(name, p.made)
        for name, p in sources_of(spec.space)
        if isinstance(p, ProductsSpec) and p.made is not None
    )


def told_of_made(name: str, made: MadeSpec) -> str:
    """What became of the products of one parameter, in a sentence."""
    which = f"of {made.looked:,} products" if made.is_all else f"of {made.looked:,} products made at random"
    most_first = sorted(made.removed.items(), key=lambda item: (-item[1], item[0]))  # the record sorts keys
    removed = [f"{filter_} removed {n:,}" for filter_, n in most_first]
    if made.is_all:
        left = f"{made.kept:,} are left"
    else:
        share, low, high = (100 * part for part in wilson(made.kept, made.looked))
        left = f"{share:.3g} % are left (95 % interval {low:.3g} to {high:.3g} %)"
    twice = f"; {made.duplicates:,} of them came twice" if made.duplicates else ""
    return f"{name}: {which} {'; '.join([*removed, left])}{twice}"
