"""Which parameters another one hangs on, told from trials alone: a define-by-run study states it nowhere."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.importing.foreign import Entry
from flows.importing.optuna.storage import Trial
from flows.importing.parameters import grid_of


@dataclass(frozen=True)
class Gate:
    """A parameter applies where each parent has one of its values.

    Attributes:
        when: Values by parent, in Optuna's names, as a campaign file has them.
        comments: How that is known.
    """

    when: Mapping[str, tuple[str | float, ...]]
    comments: tuple[str, ...]


def gates_of(trials: Sequence[Trial], entries: Mapping[str, Entry]) -> dict[str, Gate | None]:
    """For each parameter that only some trials have, what it hangs on; None where neither one parameter nor two tell.

    Where a parameter is missing, complete trials count, as others may have ended before everything was chosen; where
    none is complete, all do. Where it was chosen, any trial shows that it applied. Of several explanations the one is
    taken that agrees with most of the others.
    """
    chosen = [t for t in trials if t.params]
    rows = [t for t in chosen if t.state == "COMPLETE"] or chosen
    always = [name for name in entries if all(name in t.params for t in rows)]
    sometimes = sorted((n for n in entries if n not in always), key=lambda n: -sum(n in t.params for t in chosen))
    found: dict[str, Gate | None] = {}
    for i, name in enumerate(sometimes):  # one that hangs on another is chosen no more often than that
        parents = {p: values for p in (*always, *sometimes[:i]) if (values := _values(entries[p]))}
        gates: dict[tuple[str, ...], Gate] = {}
        for n in (1, 2):
            of_n = itertools.combinations(parents, n) if not gates else ()
            gates |= {of: gate for of in of_n if (gate := _gate(name, of, rows, chosen, parents)) is not None}
        agreeing = {of: _agreeing(name, of, rows, chosen) for of in gates}
        found[name] = gates[max(agreeing, key=agreeing.__getitem__)] if gates else None
    return found


def _gate(
    name: str,
    parents: Sequence[str],
    rows: Sequence[Trial],
    chosen: Sequence[Trial],
    values: Mapping[str, Mapping[float, str | float]],
) -> Gate | None:
    """What of ``parents`` goes with the parameter, where no complete trial has all of that without it."""
    with_it = _going_with(name, parents, rows, chosen)
    if not all(with_it.values()) or any(_has(t, with_it) and name not in t.params for t in rows):
        return None
    when: dict[str, tuple[str | float, ...]] = {}
    unseen: list[str] = []
    for parent, going in with_it.items():
        others = {p: v for p, v in with_it.items() if p != parent}
        without = {t.params[parent] for t in rows if name not in t.params and parent in t.params and _has(t, others)}
        of = values[parent]
        is_rising = all(isinstance(v, float) for v in of.values()) and all(v < min(going) for v in without)
        when[parent] = tuple(v for at, v in of.items() if at in going or (is_rising and at > min(going)))
        missing = [v for at, v in of.items() if at not in going | without]
        unseen += [f"{v:g}" if isinstance(v, float) else v for v in missing] if len(missing) < 8 else []
    told = "told from the trials"
    return Gate(when, (f"{told}; none has {', '.join(unseen)}" if unseen else told,))


def _going_with(
    name: str, parents: Sequence[str], rows: Sequence[Trial], chosen: Sequence[Trial]
) -> dict[str, set[float]]:
    """By parent, the values that the parameter was chosen with; none where a complete trial has it without them."""
    if any(p not in t.params for t in rows if name in t.params for p in parents):
        return {p: set() for p in parents}
    return {p: {t.params[p] for t in chosen if name in t.params and p in t.params} for p in parents}


def _has(trial: Trial, values: Mapping[str, set[float]]) -> bool:
    return all(trial.params.get(p) in among for p, among in values.items())


def _agreeing(name: str, parents: Sequence[str], rows: Sequence[Trial], chosen: Sequence[Trial]) -> int:
    """How many trials, those that ended early too, have the parameter just where its parents say so."""
    with_it = _going_with(name, parents, rows, chosen)
    return sum(_has(t, with_it) == (name in t.params) for t in chosen)


def _values(entry: Entry) -> dict[float, str | float]:
    """What a parent can be, by what Optuna keeps of it; nothing for a continuous one."""
    keys = entry.keys
    if "options" in keys:
        return dict(enumerate(keys["options"]))
    if "values" in keys:
        return {v: v for v in keys["values"]}
    return {v: v for v in grid_of(keys["low"], keys["high"], keys["step"])} if "step" in keys else {}
