"""Generated spaces of every kind of parameter and constraint, and a count by brute force that shares no code."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

from loop.space import Continuous, Discrete, Space
from loop.spec import CampaignSpec, build_space

BASES = ("KOAc", "KOtBu", "none")


def spec_of(space: dict, constraints: list | None = None, **rest) -> CampaignSpec:
    """A resolved spec around a space section."""
    return CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": space,
            "constraints": constraints or [],
            "objective": {"y": {"goal": "maximize"}},
            "budget": {"experiments": 50},
            "laboratory": {"adapter": "simulated"},
            **rest,
        }
    )


@st.composite
def sections(draw, *, is_finite: bool):
    """A space section and its constraints: every kind, each present or not."""
    flag = lambda: draw(st.booleans())  # noqa: E731 - a short name for the many coins below
    step = {} if not is_finite else {"step": 50}
    space: dict = {
        "base": {"type": "category", "options": list(BASES)},
        "ligand": {"type": "component", "options": {"L1": "CCO", "L2": "CCN", "none": None}},
        "t": {"type": "number", "low": 50, "high": 100, **step},
    }
    constraints: list = []
    if flag():
        space["level"] = {"type": "ordinal", "options": ["low", "medium", "high"]}
    if flag():
        gate = draw(st.sampled_from([{"when": {"ligand": ["L1", "L2"]}}, {"unless": {"ligand": "none"}}]))
        values = {"values": [0.1, 1, 10]} if is_finite else {"low": 0.1, "high": 10}
        space["loading"] = {"type": "number", **values, "scale": "log", **gate}
        if flag():
            space["extra"] = {"type": "category", "options": ["x", "none"], "when": {"ligand": "L1"}}
    if flag():
        amount = {"low": 0.5, "high": 1.5, "or_zero": True}
        space["eq"] = {"type": "number", **amount, **({"step": 0.5} if is_finite else {})}
    if flag():
        steps = {"step": 0.5} if is_finite else {}
        least = {"least": 0.25} if flag() else {}
        most = {"at_most": 2} if flag() else {}
        gates = {"when": {"base": ["KOAc", "none"]}} if flag() else {"unless": {"ligand": "none"}}
        space["solvent"] = {
            "type": "mixture",
            "parts": {"w": "O", "e": "CCO", "d": "CS(C)=O"},
            **steps,
            **least,
            **most,
            **(gates if flag() else {}),
        }
        if flag():
            constraints.append({"sum": {"solvent.w": 1, "solvent.e": 1}, "at_most": 0.8})
    if flag():
        constraints.append({"exclude": {"base": "KOAc", "ligand": ["L1"]}})
    if flag():
        constraints.append({"when": {"base": ["KOtBu"]}, "require": {"ligand": ["L2", "none"]}})
    if flag() and "eq" in space:
        constraints.append({"count": ["base", "ligand", "eq"], "at_most": draw(st.integers(1, 2))})
    if flag() and "eq" in space:
        constraints.append({"sum": {"eq": 10, "t": 1}, "at_least": 60, "at_most": 100})
    if flag() and "loading" in space:
        constraints.append({"expression": "t * (1 + loading / 10) <= 120"})
    if flag():
        space["v"] = {"type": "number", "low": 0, "high": 50, **step}
        constraints.append({"sum": {"t": 1, "v": 1}, "equals": 100})
    if flag() and flag():
        has_amounts = flag()
        for slot in "12":
            space[f"salt_{slot}"] = {"type": "category", "options": ["KI", "none"]}
            if has_amounts:
                values = {"values": [1, 2]} if is_finite else {"low": 1, "high": 2}
                space[f"amount_{slot}"] = {"type": "number", **values, "unless": {f"salt_{slot}": "none"}}
        slots = [[f"salt_{slot}", f"amount_{slot}"] if has_amounts else f"salt_{slot}" for slot in "12"]
        constraints.append({"interchangeable": slots, "distinct": flag()})
        if flag():
            constraints.append({"exclude": {"salt_2": "KI", "base": "KOAc"}})
    if flag():
        space["heat"] = {"type": "derived", "expression": "log10(t) * 2"}
        constraints.append({"expression": "heat <= 3.9"})
    return space, constraints


def spaces(*, is_finite: bool):
    return sections(is_finite=is_finite).map(lambda s: build_space(spec_of(*s)))


def brute_count(space: Space) -> int:
    """Every combination of every choice, each looked at alone, through settings only; in any order it is one."""
    choices = []
    conditional = {c.column for c in space.conditions}
    for column, p in enumerate(space.parameters):
        assert not isinstance(p, Continuous)
        values: list = list(p.values) if isinstance(p, Discrete) else list(p.options)
        choices.append([*values, *([None] if column in conditional else [])])
    found = set()
    for combination in itertools.product(*choices):
        settings = {n: v for n, v in zip(space.names, combination, strict=True) if v is not None}
        if space.contains(settings):
            slots = [sorted([settings.pop(f"{n}_{i}", 0) for n in ("salt", "amount")] for i in "12")]
            found.add(str((sorted(settings.items()), slots)))
    return len(found)
