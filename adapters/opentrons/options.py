"""What a campaign file may say of an Opentrons robot: where it is, what stands on its deck, what people do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from adapters.common.options import read_options, resolve, spelt
from adapters.errors import AdapterOptionsError
from adapters.plates.deck import DECK, PlateOptions, measuring_of, recipe_of
from adapters.plates.labware import PIPETTES
from loop.contracts import AdapterContext, Delivery

if TYPE_CHECKING:
    from adapters.opentrons.adapter import Opentrons
    from adapters.opentrons.client import Robot

DELIVERY: Final = Delivery.TWO_PHASE
# How it is asked, not which robot it is: these may change while it has attempts.
FREE: Final = frozenset({"timeout", "poll", "simulator", "simulator_needed"})
UNTIL_PLAYED: Final = frozenset({"robot"})  # what nobody played yet goes to another one
BETWEEN_RUNS: Final = DECK | UNTIL_PLAYED | {"machine", "api", "template", "offsets"}

EXAMPLE: Final = """\
laboratory:
  adapter: opentrons
  robot: http://192.168.0.20:31950       # or stand-in: a robot that is not there
  machine: OT-2
  deck:
    plate: {labware: corning_96_wellplate_360ul_flat, slot: "1"}
    stocks: [{labware: opentrons_24_tuberack_nest_1.5ml_snapcap, slot: "4"}]
    tips:
      - {labware: opentrons_96_tiprack_20ul, slots: ["5", "6", "7", "8"]}
      - {labware: opentrons_96_tiprack_300ul, slots: ["9"]}
    pipettes: {left: p20_single_gen2, right: p300_single_gen2}
  by_hand: [heat]
  measured_by: {adapter: manual}
"""


class OpentronsOptions(PlateOptions):
    """What a campaign file may say of an Opentrons robot."""

    robot: str  # http://ADDRESS:31950, or stand-in for the robot's twin
    machine: Literal["OT-2", "Flex"]
    api: Annotated[str, spelt(r"2\.(1[5-9]|2[0-9])", "a version of the protocol API from 2.15 to 2.29, in quotes")] = (
        "2.20"
    )
    template: str | None = None  # a protocol of one's own, as seen from the campaign file
    simulator: str | None = None  # Opentrons' own program opentrons_simulate, as seen from the campaign file
    simulator_needed: bool = True  # false: where the simulator is not installed it goes on without, and says so
    offsets: list[dict[str, Any]] = Field(default_factory=list)  # labwareOffsets, as GET /runs of a calibrated run has
    timeout: float = Field(default=30.0, gt=0)  # seconds for an answer of the robot

    @model_validator(mode="after")
    def _has_address(self) -> OpentronsOptions:
        if self.robot != "stand-in" and not self.robot.startswith(("http://", "https://")):
            raise ValueError(f"robot is an address such as http://192.168.0.20:31950, or stand-in; got {self.robot!r}")
        return self

    @model_validator(mode="after")
    def _bin_has_a_slot(self) -> OpentronsOptions:
        bin_ = self.trash or "A3"  # which on an OT-2 is 12, where nothing else can stand
        if self.deck.has_in(bin_):
            move = "move what stands there" + (", or the bin (deck.trash)" if self.trash else "")
            raise ValueError(f"one thing in a slot, and the waste bin stands in {bin_}; {move}")
        return self

    @property
    def trash(self) -> str | None:
        """Where the waste bin of a Flex stands; an OT-2 has it built in."""
        return (self.deck.trash or "A3") if self.machine == "Flex" else None

    def pipettes_that_fit(self) -> list[str]:
        return [name for name, p in PIPETTES.items() if p.machine == self.machine]

    def called(self) -> str:
        return "an OT-2" if self.machine == "OT-2" else "a Flex"


def build(options: Mapping[str, Any], context: AdapterContext) -> Opentrons:
    """A robot from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is wrong, the campaign has no recipe, or a template cannot be used.
    """
    from adapters.opentrons.adapter import Opentrons
    from adapters.opentrons.simulator import Simulator
    from adapters.plates.driving import Driver

    settings = read_options(OpentronsOptions, "opentrons", options)
    recipe = recipe_of("opentrons", context)
    simulator = None if settings.simulator is None else resolve(context.base, settings.simulator)
    caution = ""
    if simulator is not None and not settings.simulator_needed and not simulator.is_file():
        caution = f"Opentrons' simulator is not installed (make opentrons): only {settings.robot} judges the protocols"
        simulator = None
    measuring = measuring_of("opentrons", settings, context)
    return Opentrons(
        Path(context.folder),
        settings,
        recipe,
        measuring,
        Driver(
            _robot(settings, Path(context.folder)),
            None if simulator is None else Simulator(simulator),
            context.campaign,
        ),
        _template(settings, context.base),
        caution,
    )


def _robot(settings: OpentronsOptions, folder: Path) -> Robot:
    from adapters.opentrons.client import Robot

    if settings.robot != "stand-in":
        return Robot(settings.robot, settings.timeout, offsets=settings.offsets)
    from adapters.opentrons.stand_in import StandIn, transport

    twin = StandIn(
        folder / "stand-in",
        machine=settings.machine,
        pipettes={str(mount): name for mount, name in settings.deck.pipettes.items()},
    )
    return Robot("http://stand-in", settings.timeout, transport(twin), settings.offsets)


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
    placed = (settings.deck.plate, *settings.deck.stocks, *settings.deck.samples.values())
    if any(p.adapter for p in placed) and '"adapter"' not in text:
        rule = f"template {path} does not load the adapters that stand on the deck, and would take wells for lower"
        raise AdapterOptionsError("opentrons", [f"{rule}; take load_labware over from the built-in one"])
    return text
