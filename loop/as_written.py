"""As written: names in the order in which a campaign file has them, which a record, sorted, does not keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def in_order(names: Iterable[str], written: Sequence[str]) -> list[str]:
    """``names`` as they stand in ``written``, parts of a mixture and reagents (``base.water``) with their parameter.

    What is not there comes last, in the order in which it came.
    """
    ranks = {name: rank for rank, name in enumerate(written)}
    return sorted(names, key=lambda name: ranks.get(name, ranks.get(name.rpartition(".")[0], len(ranks))))
