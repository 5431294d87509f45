"""What a campaign file may say of an Opentrons robot: where it is, what stands on its deck, what people do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from adapters.errors import AdapterOptionsError
from adapters.opentrons.labware import LABWARE, PIPETTES, TIPS, Labware
from adapters.options import Options, read_options, resolve
from loop.contracts import AdapterContext, Delivery
from loop.errors import did_you_mean

if TYPE_CHECKING:
    from adapters.opentrons.adapter import Opentrons
    from adapters.opentrons.client import Robot

DELIVERY: Final = Delivery.TWO_PHASE

EXAMPLE: Final = """\
laboratory:
  adapter: opentrons
  robot: http://192.168.0.20:31950       # or stand-in: a robot that is not there
  machine: OT-2
  deck:
    plate: {labware: corning_96_wellplate_360ul_flat, slot: "1"}
    stocks: [{labware: opentrons_15_tuberack_falcon_15ml_conical, slot: "4"}]
    tips:
      - {labware: opentrons_96_tiprack_20ul, slots: ["5", "6", "7", "8"]}
      - {labware: opentrons_96_tiprack_300ul, slots: ["9"]}
    pipettes: {left: p20_single_gen2, right: p300_single_gen2}
  by_hand: [heat]
  measured_by: {adapter: manual}
"""

Slot = Annotated[str, Field(pattern=r"^([1-9]|1[01]|[A-D][1-4])$")]
Verb = Literal["add", "heat", "stir", "wait", "sample"]


class LabwareOption(Options):
    """Labware that is not in the built-in table; ``holds`` is in uL."""

    rows: int = Field(ge=1)
    columns: int = Field(ge=1)
    holds: float = Field(gt=0)


class Placed(Options):
    """Labware in a slot of the deck, on a module or not."""

    labware: str
    slot: Slot
    module: Literal["heaterShakerModuleV1", "temperature module gen2"] | None = None


class TipOption(Options):
    """Racks of one kind of tip."""

    labware: str
    slots: list[Slot] = Field(min_length=1)


class LiquidOption(Options):
    """How a liquid is pipetted: speed against the pipette's own, seconds to wait, uL of air, wettings before."""

    rate: float = Field(default=1.0, gt=0, le=4)
    delay: float = Field(default=0.0, ge=0, le=60)
    air_gap: float = Field(default=0.0, ge=0)
    prewet: int = Field(default=0, ge=0, le=5)


class DeckOption(Options):
    """What stands where."""

    plate: Placed
    stocks: list[Placed] = Field(min_length=1)
    tips: list[TipOption] = Field(min_length=1)
    pipettes: dict[Literal["left", "right"], str] = Field(min_length=1)
    samples: dict[str, Placed] = Field(default_factory=dict)  # by what the recipe's steps call it
    trash: Slot | None = None  # of a Flex; A3 when left out

    @model_validator(mode="after")
    def _one_thing_a_slot(self) -> DeckOption:
        taken = [self.plate.slot, *(s.slot for s in (*self.stocks, *self.samples.values()))]
        taken += [slot for tips in self.tips for slot in tips.slots]
        if twice := [slot for slot in taken if taken.count(slot) > 1]:
            raise ValueError(f"one thing in a slot, and slot {twice[0]} is taken twice; move one")
        return self


class OpentronsOptions(Options):
    """What a campaign file may say of an Opentrons robot."""

    robot: str  # http://ADDRESS:31950, or stand-in for the robot's twin
    machine: Literal["OT-2", "Flex"]
    deck: DeckOption
    runs: Literal["plate", "each"] = "plate"
    tips: Literal["each", "stock"] = "each"  # a new tip for each transfer, or one for each stock where nothing is mixed
    by_hand: list[Verb] = Field(default_factory=list)
    confirm: bool = True  # the run begins with a pause: is the deck as it should be?
    labware: dict[str, LabwareOption] = Field(default_factory=dict)
    liquids: dict[Literal["water", "volatile", "viscous"], LiquidOption] = Field(default_factory=dict)
    api: str = Field(default="2.20", pattern=r"^2\.(1[5-9]|2[0-9])$")
    template: str | None = None  # a protocol of one's own, as seen from the campaign file
    simulator: str | None = None  # Opentrons' own program opentrons_simulate, as seen from the campaign file
    measured_by: dict[str, Any] = Field(default_factory=lambda: {"adapter": "manual"})
    offsets: list[dict[str, Any]] = Field(default_factory=list)  # labwareOffsets, as GET /runs of a calibrated run has
    timeout: float = Field(default=30.0, gt=0)  # seconds for an answer of the robot
    poll: float = Field(default=2.0, ge=0)  # seconds between two looks at a run at the least

    @model_validator(mode="after")
    def _known(self) -> OpentronsOptions:
        if self.robot != "stand-in" and not self.robot.startswith(("http://", "https://")):
            raise ValueError(f"robot is an address such as http://192.168.0.20:31950, or stand-in; got {self.robot!r}")
        for name in self._named_labware():
            if name not in LABWARE and name not in self.labware:
                hint = did_you_mean(name, LABWARE)
                raise ValueError(f"labware that is known, and nobody says what {name!r} holds{hint}; add it to labware")
        for tips in self.deck.tips:
            if tips.labware not in TIPS:
                hint = did_you_mean(tips.labware, TIPS)
                raise ValueError(f"tips of a known rack, and {tips.labware!r} is none{hint}; use {', '.join(TIPS)}")
        fitting = [name for name, p in PIPETTES.items() if p.machine == self.machine]
        for name in self.deck.pipettes.values():
            if name not in fitting:
                hint = did_you_mean(name, fitting)
                raise ValueError(f"pipettes of a {self.machine}: {', '.join(fitting)}; {name!r} is none{hint}")
        return self

    def _named_labware(self) -> list[str]:
        placed = (self.deck.plate, *self.deck.stocks, *self.deck.samples.values())
        return [p.labware for p in placed]

    def labware_of(self, name: str) -> Labware:
        """Its wells."""
        said = self.labware.get(name)
        return LABWARE[name] if said is None else Labware(said.rows, said.columns, said.holds)

    def liquid(self, behaves: str) -> LiquidOption:
        """How to pipette a stock that behaves so."""
        return self.liquids.get(behaves, LIQUIDS[behaves])  # type: ignore[call-overload, no-any-return]


# Starting points, to be tuned for a liquid: slower and with a wait for viscous ones; an air gap and wet tips for
# volatile ones, which drip (Opentrons, "Viscous liquids" and "Volatile liquids", application notes).
LIQUIDS: dict[str, LiquidOption] = {
    "water": LiquidOption(),
    "volatile": LiquidOption(air_gap=2.0, prewet=2),
    "viscous": LiquidOption(rate=0.3, delay=1.0),
}


def build(options: Mapping[str, Any], context: AdapterContext) -> Opentrons:
    """A robot from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is wrong, the campaign has no recipe, or a template cannot be used.
    """
    from adapters.opentrons.adapter import Opentrons
    from adapters.opentrons.driving import Driver
    from adapters.registry import build as build_one

    settings = read_options(OpentronsOptions, "opentrons", options)
    if context.recipe is None:
        raise AdapterOptionsError("opentrons", ["the campaign file has no recipe; add one (docs/guide/recipes.md)"])
    inner = dict(settings.measured_by)
    name = inner.pop("adapter", None)
    if not isinstance(name, str) or name in ("opentrons", "several"):
        raise AdapterOptionsError(
            "opentrons", [f"measured_by needs a line 'adapter' that names who measures, got {name!r}"]
        )
    try:
        measuring = build_one(
            name, inner, replace(context, folder=str(Path(context.folder) / "measuring"), recipe=None)
        )
    except AdapterOptionsError as error:
        raise AdapterOptionsError("opentrons", [f"measured_by: {problem}" for problem in error.problems]) from None
    simulator = None if settings.simulator is None else resolve(context.base, settings.simulator)
    return Opentrons(
        Path(context.folder),
        settings,
        context.recipe,
        measuring,
        Driver(_robot(settings, Path(context.folder)), simulator, tuple(settings.offsets)),
        _template(settings, context.base),
        context.targets,
    )


def _robot(settings: OpentronsOptions, folder: Path) -> Robot:
    from adapters.opentrons.client import Robot

    if settings.robot != "stand-in":
        return Robot(settings.robot, settings.timeout)
    from adapters.opentrons.stand_in import StandIn, transport

    twin = StandIn(
        folder / "stand-in",
        machine=settings.machine,
        pipettes={str(mount): name for mount, name in settings.deck.pipettes.items()},
    )
    return Robot("http://stand-in", settings.timeout, transport(twin))


def _template(settings: OpentronsOptions, base: str) -> str:
    from adapters.opentrons.protocol import TEMPLATE, missing_places

    path = TEMPLATE if settings.template is None else resolve(base, settings.template)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AdapterOptionsError(
            "opentrons", [f"template {path} cannot be read ({error}); correct the path"]
        ) from None
    if missing := missing_places(text):
        raise AdapterOptionsError(
            "opentrons",
            [f"template {path} lacks {missing[0]}, where hakken writes; put it in, as the built-in one has it"],
        )
    return text
