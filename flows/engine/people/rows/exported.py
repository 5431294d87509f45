"""Exported rows: what ``hakken export`` wrote of a campaign's results, told to another campaign.

Columns are those of ``db.exchange``. What says where a result stood in its own campaign, and values of what is no
target here, are kept on record and not read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from flows.engine.people.rows.columns import BESIDE, PLAIN, TAKEN, Column, read_columns
from loop.errors import OutcomeError, did_you_mean
from loop.space import Space
from loop.spec import CampaignSpec

OBSERVATION: Final = "observation"  # the result's id in the record it comes from
RETRACTED: Final = "retracted"
SETTINGS: Final = "settings."
COMPUTED: Final = ("predicted.", "derived.")  # what hakken said beside the result, then or by its file as it was
FAULT: Final = ("reason", "fault", "fault_code", "informative")
_UNREAD: Final = frozenset(
    {"campaign", OBSERVATION, "round", "position", "run_order", "replicate", "attempt", "arm", "edited_from"}
    | {"edited_by", "edited_why", RETRACTED, "recorded", "source", "key"}
)


def is_exported(header: Collection[str]) -> bool:
    """Whether a table, or a row of it, is one that ``hakken export`` wrote."""
    return "outcome" in header and any(head.startswith(SETTINGS) for head in header)


def told_instead(file: str) -> str:
    """What to do with a table that ``hakken export`` wrote where a plain one is wanted."""
    return (
        f"{file} was written by hakken export: hakken tell CAMPAIGN {file} brings its results into a campaign over the "
        "same space, begun with the campaign file that they come from"
    )


def lasting(cells: Mapping[str, str]) -> dict[str, str]:
    """The cells of a row that the next export of the same result has too, so that it is known again."""
    return {head: cell for head, cell in cells.items() if cell and head != RETRACTED and not head.startswith(COMPUTED)}


def exported_columns(cells: Mapping[str, str], spec: CampaignSpec, space: Space) -> dict[str, Column]:
    """What each column of an exported row holds, by header: as of any told row, with the unit that stands in a cell.

    Raises:
        OutcomeError: A column is unknown, speaks of another parameter than the campaign's, or is there twice.
    """
    columns, others = {}, []
    for head in cells:
        if head in _UNREAD or head.startswith(COMPUTED):
            continue
        first, dot, name = head.partition(".")
        column: Column | None
        if head in PLAIN or head in FAULT:
            column = Column(head, head, "value", None)
        elif head in BESIDE or head in TAKEN:
            column = Column(head, head, "context" if head in BESIDE else "taken", None)
        elif dot and first in ("settings", "actual", "context"):
            column = _beside_a_unit(head, first, name, cells, space)
        elif dot and first == "results":
            column = _of_a_target(head, name, cells, spec)
        else:
            others.append(head)
            continue
        if column is not None:
            columns[head] = column
    return columns | read_columns(others, spec, space)


def structures_beside(cells: Mapping[str, str]) -> dict[str, str]:
    """The columns of structures that stand beside the settings, and of which parameter, by header."""
    return {
        head: head.removeprefix(SETTINGS).removesuffix(".smiles")
        for head in cells
        if head.startswith(SETTINGS) and head.endswith(".smiles")
    }


def _beside_a_unit(head: str, first: str, name: str, cells: Mapping[str, str], space: Space) -> Column | None:
    """The column of a setting or a circumstance; None for its unit or structure."""
    if name not in space.names and name.endswith((".unit", ".smiles")):
        return None
    if name not in space.names and first != "context":
        raise OutcomeError(
            f"column {head!r}: the campaign has no parameter {name!r}{did_you_mean(name, space.names)}; it has "
            f"{', '.join(space.shown_names)}. Rename the column, or remove it where it was the same throughout"
        )
    unit = cells.get(f"{'context' if first == 'context' else 'settings'}.{name}.unit", "")
    return Column(head, name, "value" if first == "settings" else first, unit)


def _of_a_target(head: str, name: str, cells: Mapping[str, str], spec: CampaignSpec) -> Column | None:
    """The column of a target's value or of what stands beside it; None for what is not read."""
    thing, _, part = name.rpartition(".")
    target, _, channel = thing.partition("[")
    if channel and target in spec.objective:
        raise OutcomeError(
            f"column {head!r}: a told result has one value of {target!r}, without a channel; rename 'results.{thing}' "
            f"to 'results.{target}' in the header where it is the one that counts, and remove the others"
        )
    if thing not in spec.objective or part not in ("value", "sd", "n", "qualifier"):
        return None
    # without one the value is a plain number, which a target without a unit has as it is
    unit = cells.get(f"results.{thing}.unit") or ("" if spec.objective[thing].unit else None)
    return Column(head, thing, part, unit if part == "value" else None)
