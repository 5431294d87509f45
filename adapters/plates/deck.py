"""What a campaign file may say of any deck: what stands on it, what people do, how liquids are pipetted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from adapters.common.options import Options, spelt
from adapters.errors import AdapterOptionsError
from adapters.plates.labware import LABWARE, PIPETTES, TIPS, Labware
from loop.contracts import Adapter, AdapterContext
from loop.errors import did_you_mean
from loop.recipe import Recipe

# What may change while no plate is in hand, since each is planned on the deck as it is said when its run begins.
DECK: Final = frozenset({"deck", "tips", "by_hand", "confirm", "labware", "liquids"})

Slot = Annotated[
    str,
    BeforeValidator(lambda said: str(said) if type(said) is int else said),
    spelt(r"[1-9]|1[01]|[A-D][1-3]", "a slot that pipettes reach: 1 to 11 of an OT-2, A1 to D3 of a Flex"),
]
# Slots of an OT-2 by the names of a Flex, whose robots know both: 1 is at the front on the left, 3 on the right.
_OTHER_NAMES: Final = {
    str(3 * row + column + 1): f"{'DCBA'[row]}{column + 1}" for row in range(4) for column in range(3)
}
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
    adapter: Annotated[str, spelt(r"[a-z0-9_.]+", "a name such as opentrons_96_flat_bottom_adapter")] | None = None
    # what it stands on in the slot or on the module: without it a robot takes wells for lower than they are


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
        taken = [_OTHER_NAMES.get(slot, slot) for slot in self.slots()]
        if twice := [slot for slot, same in zip(self.slots(), taken, strict=True) if taken.count(same) > 1]:
            also = f", as {twice[1]} too" if twice[1] != twice[0] else ""
            raise ValueError(f"one thing in a slot, and slot {twice[0]} is taken twice{also}; move one")
        return self

    def has_in(self, slot: str) -> bool:
        """Whether something stands in a slot, by whichever of its names."""
        return _OTHER_NAMES.get(slot, slot) in (_OTHER_NAMES.get(s, s) for s in self.slots())

    def slots(self) -> list[str]:
        """The slots that something stands in, as the file says them."""
        placed = [self.plate.slot, *(s.slot for s in (*self.stocks, *self.samples.values()))]
        return [*placed, *(slot for tips in self.tips for slot in tips.slots)]


class PlateOptions(Options):
    """What a campaign file may say of any robot that makes plates on a deck."""

    deck: DeckOption
    runs: Literal["plate", "each"] = "plate"
    tips: Literal["each", "stock"] = "each"  # a new tip for each transfer, or one for each stock where nothing is mixed
    by_hand: list[Verb] = Field(default_factory=list)
    confirm: bool = True  # the run begins with a pause: is the deck as it should be?
    labware: dict[str, LabwareOption] = Field(default_factory=dict)
    liquids: dict[Literal["water", "volatile", "viscous"], LiquidOption] = Field(default_factory=dict)
    measured_by: dict[str, Any] = Field(default_factory=lambda: {"adapter": "manual"})
    poll: float = Field(default=2.0, ge=0)  # seconds between two looks at a run at the least

    @model_validator(mode="after")
    def _stands_known(self) -> PlateOptions:
        for name in self._named_labware():
            if name not in LABWARE and name not in self.labware:
                hint = did_you_mean(name, LABWARE)
                raise ValueError(f"labware that is known, and nobody says what {name!r} holds{hint}; add it to labware")
        for tips in self.deck.tips:
            if tips.labware not in TIPS:
                hint = did_you_mean(tips.labware, TIPS)
                raise ValueError(f"tips of a known rack, and {tips.labware!r} is none{hint}; use {', '.join(TIPS)}")
        for name in self.deck.pipettes.values():
            if name not in self.pipettes_that_fit():
                hint = did_you_mean(name, self.pipettes_that_fit())
                of = ", ".join(self.pipettes_that_fit())
                raise ValueError(f"pipettes of {self.called()}: {of}; {name!r} is none{hint}")
        return self

    def pipettes_that_fit(self) -> list[str]:
        """Names of the pipettes that the machine takes."""
        return list(PIPETTES)

    def called(self) -> str:
        """What its pipettes are of, in words."""
        return "the table"

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


def recipe_of(name: str, context: AdapterContext) -> Recipe:
    """The recipe by which the robot ``name`` makes plates.

    Raises:
        AdapterOptionsError: The campaign has none.
    """
    if context.recipe is None:
        raise AdapterOptionsError(name, ["the campaign file has no recipe; add one (docs/guide/recipes.md)"])
    return context.recipe


def measuring_of(name: str, options: PlateOptions, context: AdapterContext) -> Adapter:
    """The laboratory that measures what the robot ``name`` makes, from ``measured_by``.

    Raises:
        AdapterOptionsError: It names none, or one of its options is wrong.
    """
    from adapters.registry import build, makes_plates

    inner = dict(options.measured_by)
    measurer = inner.pop("adapter", None)
    if not isinstance(measurer, str) or measurer == "several" or makes_plates(measurer):
        rule = "measured_by needs a line 'adapter' that names who measures, one laboratory that makes no plates"
        raise AdapterOptionsError(name, [f"{rule}, such as manual or instrument; got {measurer!r}"])
    apart = replace(context, folder=str(Path(context.folder) / "measuring"), recipe=None)
    try:
        return build(measurer, inner, apart)
    except AdapterOptionsError as error:
        raise AdapterOptionsError(name, [f"measured_by: {problem}" for problem in error.problems]) from None
