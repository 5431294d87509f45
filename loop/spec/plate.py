"""The plate of a campaign file: what it may say, and what it becomes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import Field

from loop.errors import PlateError, SpaceError, did_you_mean
from loop.plate.layout import Plate, Scope, Shared
from loop.space import Continuous, Discrete, Space
from loop.space.skeleton import levels
from loop.space.structure import inactive_coordinate
from loop.spec.space_models import ContextSpec
from loop.spec.strict import Strict
from loop.wording import plural

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec


LOOKED_AT: Final = (
    20_000  # combinations of shared values, of more of which it is not asked whether a control goes with one
)
DESIGNS = ("spread", "random", "medoid", "sobol", "lhs")  # initial designs that know shared wells


class BlocksSpec(Strict):
    """The size of a block of wells; blocks tile the plate."""

    rows: int
    columns: int


class ControlsSpec(Strict):
    """Wells reserved for one fixed condition."""

    wells: int = Field(ge=1)
    settings: dict[str, str | float]


class PlateSpec(Strict):
    """A batch that is a plate of wells."""

    rows: int = Field(ge=1)
    columns: int = Field(ge=1)
    blocks: BlocksSpec | None = None  # one block, the whole plate, when left out
    share: dict[str, Literal["plate", "block", "row", "column"]] = Field(default_factory=dict)
    at_most: dict[str, int] = Field(default_factory=dict)
    controls: ControlsSpec | None = None
    replicates: int = Field(default=0, ge=0)


def build_plate(spec: CampaignSpec, space: Space) -> Plate | None:
    """The plate of a resolved spec; None where batches are no plates.

    Raises:
        PlateError: It cannot be as it is described.
    """
    said = spec.plate
    if said is None:
        return None
    for part, named in (("share", said.share), ("at_most", said.at_most), ("controls.settings", _settings(said))):
        if recorded := [n for n in named if isinstance(spec.space.get(n), ContextSpec)]:
            raise PlateError(
                f"plate.{part} names {recorded[0]!r}, which is context: it is recorded with results and never chosen; "
                "leave it out"
            )
    shared = tuple(  # in the space's order, so that the order in a file decides nothing
        sorted(
            (Shared(column, Scope(scope)) for name, scope in said.share.items() for column in _shared(name, space)),
            key=lambda s: s.column,
        )
    )
    at_most: dict[int, int] = {}
    for name, limit in said.at_most.items():
        column = _column("at_most", name, space)
        mixture = next((m for m in space.mixtures if column in m.columns), None)
        if mixture is not None and isinstance(space.parameters[column], Continuous):
            raise PlateError(
                f"plate.at_most.{name}: it is a continuous part of mixture {mixture.name!r}; give the mixture a step, "
                "so that its values can be counted"
            )
        if limit < 1:
            raise PlateError(f"plate.at_most.{name}: must be 1 or more, got {limit}; leave it out for any number")
        at_most[column] = limit
    block = (said.rows, said.columns) if said.blocks is None else (said.blocks.rows, said.blocks.columns)
    control = None if said.controls is None else _control(said.controls, space, shared)
    plate = Plate(
        said.rows,
        said.columns,
        block,
        shared,
        dict(sorted(at_most.items())),
        0 if said.controls is None else said.controls.wells,
        control,
        said.replicates,
    )
    _check_planner(spec, plate)
    return plate


def _settings(said: PlateSpec) -> Mapping[str, str | float]:
    return {} if said.controls is None else said.controls.settings


def _shared(name: str, space: Space) -> tuple[int, ...]:
    """The columns that go with a shared parameter: its own, or those of the parts of a mixture."""
    mixture = next((m for m in space.mixtures if name == m.name), None)
    columns = (_column("share", name, space),) if mixture is None else tuple(mixture.columns)
    for m in space.mixtures:
        if set(columns) & set(m.columns) and any(isinstance(space.parameters[c], Continuous) for c in m.columns):
            raise PlateError(
                f"plate.share names {name!r}, and the parts of mixture {m.name!r} are continuous; give the mixture a "
                "step, so that its blends can be counted"
            )
        if mixture is None and set(columns) & set(m.columns):
            raise PlateError(f"plate.share names {name!r}, a part of mixture {m.name!r}; share {m.name!r} as a whole")
    if any(c.column in columns for c in space.conditions):
        raise PlateError(
            f"plate.share names {name!r}, which does not apply to every candidate; share what it depends on, or give "
            "it a value for each well"
        )
    return columns


def _column(part: str, name: str, space: Space) -> int:
    if name not in space.names:
        known = ", ".join(space.shown_names)
        raise PlateError(f"plate.{part} names {name!r}, {_why_not(name, space)}; use one of {known}")
    return space.names.index(name)


def _why_not(name: str, space: Space) -> str:
    """Why nothing of this name is chosen by itself."""
    if name in {d.name for d in space.derived}:
        return "which is derived: it is computed and not chosen"
    if mixture := next((m for m in space.mixtures if m.name == name), None):
        return f"which is a mixture: its parts are chosen, such as '{name}.{mixture.parts[0]}'"
    return f"which the space lacks{did_you_mean(name, space.names)}"


def _control(said: ControlsSpec, space: Space, shared: tuple[Shared, ...]) -> np.ndarray:
    """Coordinates of the fixed condition, NaN for what the well's block, row or column decides: shape ``(d,)``."""
    where = "plate.controls.settings"
    common = {space.names[s.column]: s.scope.value for s in shared}
    for name in said.settings:
        if name not in space.names:
            raise PlateError(f"{where} names {name!r}, {_why_not(name, space)}; leave it out, or mend the name")
        if name in common:
            raise PlateError(
                f"{where} gives {name!r}, which is shared by {common[name]}; leave it out: a control well takes the "
                f"value of its {common[name]}"
            )
    x = np.full(len(space.parameters), np.nan)
    conditional = {c.column for c in space.conditions}
    for i, parameter in enumerate(space.parameters):
        if parameter.name in common:
            continue
        if parameter.name not in said.settings and i in conditional:
            x[i] = inactive_coordinate(parameter)
            continue
        if parameter.name not in said.settings:
            raise PlateError(f"{where} lacks {parameter.name!r}; give every parameter that is not shared")
        try:
            x[i] = parameter.index(said.settings[parameter.name])
        except SpaceError as error:
            raise PlateError(f"{where}: {error}") from None
        if isinstance(parameter, Discrete | Continuous) and not _is_value(parameter, x[i]):
            raise PlateError(
                f"{where}: {parameter.name} = {x[i]:g} is none of its values ({_values(parameter)}); choose a "
                "condition of the space"
            )
    if np.isnan(x).all():
        raise PlateError(
            f"{where}: every parameter is shared, so that a control well has no condition of its own; leave controls "
            "out, or share fewer"
        )
    _check_condition(said, space, x)
    _check_company(space, x)
    return x


def _check_condition(said: ControlsSpec, space: Space, x: np.ndarray) -> None:
    """See that the control is a candidate, as far as that does not depend on shared values, where ``x`` is NaN."""
    where = "plate.controls.settings"
    is_open = np.isnan(x)  # whether it depends on a shared value if the parameter applies
    active = np.ones((1, len(x)), dtype=bool)
    for condition in space.conditions:  # gates come before what they gate
        name, gates = space.names[condition.column], list(condition.columns)
        is_open[condition.column] = is_open[gates].any()
        active[0, condition.column] = applies = bool(condition.holds(x[None, :], active)[0])
        if is_open[condition.column]:
            if name not in said.settings:
                raise PlateError(f"{where} lacks {name!r}, which applies with some of the shared values; give it")
        elif applies != (name in said.settings):
            raise PlateError(
                f"{where} lacks {name!r}, which applies with the others; give it a value"
                if applies
                else f"{where} gives {name!r}, which does not apply with the others; leave it out"
            )
    point = np.where(np.isnan(x), 0.0, x)[None, :]
    for constraint in space.constraints:
        if not is_open[list(constraint.columns)].any() and not constraint.allows(point)[0]:
            raise PlateError(f"{where}: constraint {constraint.name!r} forbids it; choose a condition of the space")
    for products in space.products:
        alone = replace(space, products=(products,))
        if not is_open[list(products.columns)].any() and (why := alone.refusal(said.settings)) is not None:
            raise PlateError(f"{where}: it {why}; choose a condition of the space")


def _check_company(space: Space, x: np.ndarray) -> None:
    """See that some shared values, which are NaN in ``x``, allow the control; not where a range of them is shared."""
    open_ = np.flatnonzero(np.isnan(x))
    if any(isinstance(space.parameters[c], Continuous) for c in open_):
        return
    choices = [levels(space, int(c))[0] for c in open_]
    if math.prod(map(len, choices)) > LOOKED_AT:
        return
    points = np.array([np.where(np.isnan(x), 0.0, x)] * math.prod(map(len, choices)))
    points[:, open_] = list(itertools.product(*choices))
    points = space.frame.canonical(points)
    if not space.allows(points).any():
        names = ", ".join(space.called(open_.tolist()))
        alone = next((f"constraint {c.name!r} forbids" for c in space.constraints if not c.allows(points).any()), "")
        raise PlateError(
            f"plate.controls.settings: {alone or 'the constraints forbid'} it with every value of {names}, which "
            "control wells take from the plate; choose another condition, or loosen the constraint"
        )


def _values(parameter: Discrete | Continuous) -> str:
    if isinstance(parameter, Discrete) and parameter.size <= 12:
        return ", ".join(f"{v:g}" for v in parameter.values)
    return f"{parameter.low:g} to {parameter.high:g}" + (" in steps" if isinstance(parameter, Discrete) else "")


def _is_value(parameter: Discrete | Continuous, value: float) -> bool:
    if isinstance(parameter, Discrete):
        return value in parameter.values
    return parameter.low <= value <= parameter.high or (parameter.or_zero and value == 0.0)


def _check_planner(spec: CampaignSpec, plate: Plate) -> None:
    planner = spec.planner
    if planner.mode != "batch":
        raise PlateError("plate: a plate is run as a whole, and planner.mode is 'rolling'; use mode: batch")
    if planner.replicates != 1:
        raise PlateError(
            f"plate: every proposal has one well, and planner.replicates is {planner.replicates}; leave it out and "
            "reserve wells by plate.replicates"
        )
    if planner.initial.design not in DESIGNS:
        raise PlateError(
            f"plate: the initial design {planner.initial.design!r} knows no shared wells; use one of "
            f"{', '.join(DESIGNS)}"
        )
    smallest = plate.controls + plate.replicates
    if spec.budget.most <= smallest:
        are = "1 well is" if smallest == 1 else f"{smallest} wells are"
        raise PlateError(
            f"plate: {are} reserved and the budget is {plural(spec.budget.experiments or 0, 'experiment')}; raise the "
            "budget or reserve fewer"
        )


def check_batch(spec: CampaignSpec) -> None:
    """Refuse what cannot stand beside a plate, in a spec as a person wrote it. Raises ``PlateError``."""
    if spec.plate is not None and "batch" in spec.planner.model_fields_set:
        raise PlateError(
            f"plate: the plate decides how many experiments make a batch, and planner.batch is {spec.planner.batch}; "
            "leave planner.batch out"
        )
