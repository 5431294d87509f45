"""As written: names in the order in which a campaign file has them, which a record, sorted, does not keep.

What a person reads has this order. Columns of coordinates, keys and whatever is hashed are in that of the alphabet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loop.record import Json


def in_order(names: Iterable[str], written: Sequence[str]) -> list[str]:
    """``names`` as they stand in ``written``, parts of a mixture and reagents (``base.water``) with their parameter.

    What is not there comes last, in the order in which it came.
    """
    ranks = {name: rank for rank, name in enumerate(written)}
    return sorted(names, key=lambda name: ranks.get(name, ranks.get(name.rpartition(".")[0], len(ranks))))


def written_in(space: Mapping[str, Json]) -> list[str]:
    """The names in the space of a resolved spec as they stand there, parts and lists of reagents behind their own."""
    return [n for name, p in space.items() for n in (name, *(f"{name}.{part}" for part in (*_parts(p), *_lists(p))))]


def as_written(spec: Json, written: Sequence[str]) -> Json:
    """A resolved spec that says the same, with its parameters and the parts of mixtures as they stand in ``written``.

    One that has none, as a later release may write, stays as it is.
    """
    space = spec.get("space")
    if not written or not isinstance(space, dict):
        return spec
    return {**spec, "space": {name: _parts_in_order(name, space[name], written) for name in in_order(space, written)}}


def _parts_in_order(name: str, parameter: Json, written: Sequence[str]) -> Json:
    parts = _parts(parameter)
    if not isinstance(parts, Mapping):  # a list keeps its order by itself
        return parameter
    order = [n.removeprefix(f"{name}.") for n in in_order((f"{name}.{part}" for part in parts), written)]
    return {**parameter, "parts": {part: parts[part] for part in order}}


def _lists(parameter: Json) -> Iterable[str]:
    """The lists of reagents of products, as their reaction takes them; none of another parameter."""
    return (parameter.get("order") or parameter["reagents"]) if parameter.get("type") == "products" else ()


def _parts(parameter: Json) -> Sequence[str] | Mapping[str, str]:
    """The names of the parts of a mixture, or their structures by name; none of another parameter."""
    parts: Sequence[str] | Mapping[str, str] = parameter["parts"] if parameter.get("type") == "mixture" else ()
    return parts
