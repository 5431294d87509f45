"""Which parameter another one hangs on, told from trials alone: a define-by-run study states it nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.importing.foreign import Entry
from flows.importing.optuna.storage import Trial
from flows.importing.parameters import grid_of


@dataclass(frozen=True)
class Gate:
    """A parameter applies where ``parent`` has one of ``values``."""

    parent: str
    values: tuple[str | float, ...]
    comments: tuple[str, ...]


def gates_of(trials: Sequence[Trial], entries: Mapping[str, Entry]) -> dict[str, Gate | None]:
    """For each parameter that only some trials have, what it hangs on; None where no one parameter tells.

    Where a parameter is missing, complete trials count, as others may have ended before everything was chosen; where
    none is complete, all do. Where it was chosen, any trial shows that it applied.
    """
    chosen = [t for t in trials if t.params]
    rows = [t for t in chosen if t.state == "COMPLETE"] or chosen
    found: dict[str, Gate | None] = {}
    always = [name for name in entries if all(name in t.params for t in rows)]
    sometimes = [name for name in entries if name not in always]
    for name in sometimes:
        parents = [p for p in (*always, *sometimes) if p != name and _options(entries[p])]
        gates = [g for p in parents if (g := _gate(name, p, rows, chosen, entries[p])) is not None]
        found[name] = gates[0] if gates else None
    return found


def _gate(name: str, parent: str, rows: Sequence[Trial], chosen: Sequence[Trial], entry: Entry) -> Gate | None:
    with_it = {t.params.get(parent) for t in rows if name in t.params}
    with_it |= {t.params[parent] for t in chosen if name in t.params and parent in t.params}
    without = {t.params.get(parent) for t in rows if name not in t.params} - {None}
    if None in with_it or with_it & without or not with_it:
        return None
    options = _options(entry)
    seen = with_it | without
    if entry.keys["type"] == "number":
        lowest = min(v for v in with_it if v is not None)
        is_rising = all(v < lowest for v in without if v is not None)
        values = [v for v in options if v in with_it or (is_rising and float(v) > lowest)]
        unseen = [f"{v:g}" for v in options if v not in seen]
    else:
        values = [o for i, o in enumerate(options) if i in with_it]
        unseen = [str(o) for i, o in enumerate(options) if i not in seen]
    told = "told from the trials"
    comment = f"{told}; none has {', '.join(unseen)}" if unseen and len(unseen) < 8 else told
    return Gate(parent, tuple(values), (comment,))


def _options(entry: Entry) -> list[str | float]:
    """What a parent can be; nothing for a continuous one."""
    keys = entry.keys
    if "options" in keys:
        return list(keys["options"])
    if "values" in keys:
        return list(keys["values"])
    return list(grid_of(keys["low"], keys["high"], keys["step"])) if "step" in keys else []
