"""What is stated of a model's belief is drawn from all hyper-parameters that its results leave possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from loop.acquisition.streaming import members_of
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.noiseless import Noiseless
from loop.surrogates.protocol import FittedSurrogate
from loop.surrogates.within import FittedWithin

PROCESSES: Final = 4  # that stand for all that a model's hyper-parameters may be
FEWEST: Final = 2  # of each member of a committee: a single one would be no likelier than others


def doubting(model: FittedSurrogate) -> FittedSurrogate:
    """The model as a mixture over what its hyper-parameters may be; itself where these are not doubted.

    What is chosen next, and which candidate is named, go by the model itself (docs/decisions/0168 and 0169).
    """
    members = members_of(model)
    found = [
        (weight * share, one)
        for weight, member in members
        for share, one in _possible(member, max(round(PROCESSES * weight), FEWEST))
    ]
    if all(one is member for (_, one), (_, member) in zip(found, members, strict=False)):
        return model
    widening = model.widening if isinstance(model, FittedCommittee) else 1.0
    weights, processes = zip(*found, strict=True)
    return FittedCommittee(model.name, processes, weights, widening=widening)


def _possible(member: FittedSurrogate, n: int) -> Iterator[tuple[float, FittedSurrogate]]:
    """A member by each of ``n`` hyper-parameters that it may have, with how likely these are."""
    if isinstance(member, FittedWithin | Noiseless):
        for weight, plain in _possible(member.plain, n):
            yield weight, member if plain is member.plain else replace(member, plain=plain)
    elif isinstance(member, ExactPosterior) and member.doubt is not None:
        for one in member.doubt.possible(n):
            yield one.weight, member.where(one)
    else:
        yield 1.0, member
