"""Writing: a foreign campaign as a commented campaign file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flows.cli.starting.lines import enough_to_learn
from flows.cli.starting.yaml_text import exact, known_before, scalar
from flows.importing.foreign import Entry, Foreign
from flows.importing.source import ImportFault

BUDGET: Final = 50  # experiments from here on, where the source says nothing: as hakken init has it
BATCH: Final = 5
INITIAL: Final = 5  # experiments before the first model, without results to learn from
BY_OPTION: Final = ("options", "descriptors")  # keys that may take a line for each option
LONG: Final = 100  # a line longer than this is written as a block


def campaign_text(foreign: Foreign, *, campaign: str, source: str) -> str:
    """The campaign file, comments and all. ``source`` is the imported file's name."""
    if foreign.text:
        return foreign.text.rstrip("\n") + "\n" + "".join(f"{line}\n" for line in _remarks(foreign))
    batch = foreign.batch or BATCH
    initial = enough_to_learn(sum(bool(r.readings) for r in foreign.results), INITIAL)
    lines = [
        f"# Written by hakken import from {source}, {foreign.described}.",
        "# Read it through, and mend what is wrong; then: hakken validate FILE",
        "",
        f"campaign: {scalar(campaign)}",
        *([f"description: {scalar(foreign.description)}"] if foreign.description else []),
        "",
        "# What may be varied.",
        "space:",
        *(line for entry in foreign.parameters for line in _block(entry)),
    ]
    if foreign.constraints:
        lines += ["", "# What is not to be tried.", "constraints:"]
        for entry in foreign.constraints:
            named = {"name": entry.name} | dict(entry.keys) if entry.name else entry.keys
            lines.append(f"  - {flow_text(named)}{_comment(entry.comments)}")
    lines += ["", "# What is measured, and what is wanted of it.", "objective:"]
    lines += [line for entry in foreign.targets for line in _block(entry)]
    if foreign.derived:
        lines += ["", "# What follows from it by a formula.", "derived:"]
        lines += [line for entry in foreign.derived for line in _block(entry)]
    lines += [f"tradeoff: {foreign.tradeoff}"] if foreign.tradeoff else []
    lines += [
        "",
        "planner:",
        "  surrogate: committee      # several models; those that predict best count most",
        "  acquisition: auto",
        f"  batch: {batch}                  # experiments planned together"
        + ("" if foreign.batch else "; the source does not say how many"),
        f"  initial: {{design: spread, experiments: {initial}}}   # imported results count among them",
        "",
        *known_before(foreign.targets[0].name if foreign.targets else "", *_choice_of(foreign)),
        f"budget: {{experiments: {max(BUDGET, batch)}}}   # from here on, imported results not counted",
        "",
        "# A person runs it, with a worksheet for each batch; see the README for others.",
        "laboratory: {adapter: manual}",
        *_remarks(foreign),
    ]
    return "\n".join(lines) + "\n"


def _choice_of(foreign: Foreign) -> tuple[str, list[str]]:
    """The first parameter that is a choice, with two of its options; "" and none where there is none."""
    for entry in foreign.parameters:
        if options := entry.keys.get("options"):
            return entry.name, list(options)[:2]
    return "", []


def _remarks(foreign: Foreign) -> list[str]:
    """What was not carried over, as comments at the end of the file."""
    lines: list[str] = []
    for title, items in (("Not carried over:", foreign.left), ("Read so:", foreign.notes)):
        if items:
            lines += ["", f"# {title}", *(f"# - {_one_line(item)}" for item in items)]
    return lines


def _block(entry: Entry) -> Iterable[str]:
    """A parameter or a target in one line, or in a block where its options would make that too long."""
    inside = flow_text(entry.keys)
    by_option = [key for key in BY_OPTION if isinstance(entry.keys.get(key), Mapping)]
    if len(inside) <= LONG or not by_option:
        yield f"  {scalar(entry.name)}: {inside}{_comment(entry.comments)}"
        return
    yield f"  {scalar(entry.name)}:{_comment(entry.comments)}"
    for key, value in entry.keys.items():
        if key not in by_option:
            yield f"    {key}: {flow_text(value)}"
    for key in by_option:
        yield f"    {key}:"
        for label, said in entry.keys[key].items():
            yield f"      {scalar(label)}: {flow_text(said)}"


def flow_text(value: Any) -> str:
    """A value as YAML in one line; numbers exactly. Raises ``ImportFault`` where one is not finite."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            if not math.isfinite(value):
                raise ImportFault(
                    f"a bound or a threshold in the file is {value:g}, and a campaign needs finite ones; leave it out "
                    "where it comes from, and save it anew"
                )
            return exact(value)
        case Mapping():
            return "{" + ", ".join(f"{scalar(str(key))}: {flow_text(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(flow_text(one) for one in value) + "]"
    return scalar(str(value))


def _comment(comments: Iterable[str]) -> str:
    said = "; ".join(_one_line(c) for c in comments)
    return f"   # {said}" if said else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
