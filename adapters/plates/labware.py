"""What stands on a deck: labware with its wells, pipettes with their ranges, by Opentrons' names.

The numbers are those of Opentrons' own definitions (``opentrons_shared_data`` 8.8), compared in the tests where that
package is at hand; labware that is not in the table is described in the campaign file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loop.plate.layout import row_name


@dataclass(frozen=True, slots=True)
class Labware:
    """Wells in ``rows`` and ``columns``; each holds ``holds`` uL, of a tip rack each tip."""

    rows: int
    columns: int
    holds: float

    @property
    def wells(self) -> tuple[str, ...]:
        """Names of the wells, column by column as robots count them: A1, B1, ..."""
        return tuple(f"{row_name(row)}{column + 1}" for column in range(self.columns) for row in range(self.rows))


@dataclass(frozen=True, slots=True)
class Pipette:
    """What it aspirates at once, in uL, and the machine that it belongs to."""

    least: float
    most: float
    machine: str


LABWARE: Final[dict[str, Labware]] = {
    "corning_6_wellplate_16.8ml_flat": Labware(2, 3, 16800),
    "corning_12_wellplate_6.9ml_flat": Labware(3, 4, 6900),
    "corning_24_wellplate_3.4ml_flat": Labware(4, 6, 3400),
    "corning_48_wellplate_1.6ml_flat": Labware(6, 8, 1600),
    "corning_96_wellplate_360ul_flat": Labware(8, 12, 360),
    "corning_384_wellplate_112ul_flat": Labware(16, 24, 112),
    "nest_1_reservoir_195ml": Labware(1, 1, 195000),
    "nest_12_reservoir_15ml": Labware(1, 12, 15000),
    "nest_96_wellplate_100ul_pcr_full_skirt": Labware(8, 12, 100),
    "nest_96_wellplate_200ul_flat": Labware(8, 12, 200),
    "nest_96_wellplate_2ml_deep": Labware(8, 12, 2000),
    "opentrons_6_tuberack_falcon_50ml_conical": Labware(2, 3, 50000),
    "opentrons_6_tuberack_nest_50ml_conical": Labware(2, 3, 50000),
    "opentrons_15_tuberack_falcon_15ml_conical": Labware(3, 5, 15000),
    "opentrons_15_tuberack_nest_15ml_conical": Labware(3, 5, 15000),
    "opentrons_24_aluminumblock_nest_2ml_snapcap": Labware(4, 6, 2000),
    "opentrons_24_tuberack_eppendorf_2ml_safelock_snapcap": Labware(4, 6, 2000),
    "opentrons_24_tuberack_nest_1.5ml_snapcap": Labware(4, 6, 1500),
    "opentrons_24_tuberack_nest_2ml_snapcap": Labware(4, 6, 2000),
}

TIPS: Final[dict[str, Labware]] = {
    "opentrons_96_tiprack_20ul": Labware(8, 12, 20),
    "opentrons_96_filtertiprack_20ul": Labware(8, 12, 20),
    "opentrons_96_tiprack_300ul": Labware(8, 12, 300),
    "opentrons_96_filtertiprack_200ul": Labware(8, 12, 200),
    "opentrons_96_tiprack_1000ul": Labware(8, 12, 1000),
    "opentrons_96_filtertiprack_1000ul": Labware(8, 12, 1000),
    "opentrons_flex_96_tiprack_50ul": Labware(8, 12, 50),
    "opentrons_flex_96_filtertiprack_50ul": Labware(8, 12, 50),
    "opentrons_flex_96_tiprack_200ul": Labware(8, 12, 200),
    "opentrons_flex_96_filtertiprack_200ul": Labware(8, 12, 200),
    "opentrons_flex_96_tiprack_1000ul": Labware(8, 12, 1000),
    "opentrons_flex_96_filtertiprack_1000ul": Labware(8, 12, 1000),
}

PIPETTES: Final[dict[str, Pipette]] = {  # single channels; Opentrons, "Pipettes", docs.opentrons.com
    "p20_single_gen2": Pipette(1, 20, "OT-2"),
    "p300_single_gen2": Pipette(20, 300, "OT-2"),
    "p1000_single_gen2": Pipette(100, 1000, "OT-2"),
    "flex_1channel_50": Pipette(1, 50, "Flex"),
    "flex_1channel_1000": Pipette(5, 1000, "Flex"),
}

# Plates, which stand on modules on an adapter or a block, in Opentrons' definitions 1.2 to 5.8 mm higher than without.
ON_ADAPTERS: Final = frozenset(name for name in LABWARE if "wellplate" in name)

HEATERS: Final[dict[str, tuple[float, float]]] = {  # degC that they can be set to; docs.opentrons.com, "Modules"
    "heaterShakerModuleV1": (37, 95),
    "temperature module gen2": (4, 95),
}
SHAKERS: Final[dict[str, tuple[float, float]]] = {"heaterShakerModuleV1": (200, 3000)}  # rpm; there


@dataclass(frozen=True, slots=True)
class Depth:
    """A deep vessel: how high a liquid stands in it at the most, from its tapering bottom and what is above."""

    bottom: float  # mm, height of what tapers
    holds: float  # uL in that, at the least
    area: float  # mm2, the least above it

    def level(self, volume: float) -> float:
        """Height of the surface in mm above the bottom, at the most."""
        return self.bottom + max(volume - self.holds, 0.0) / self.area

    def volume(self, level: float) -> float:
        """What may be in it so that it surely stands no higher than ``level`` mm; 0 where that is in what tapers."""
        return self.holds + (level - self.bottom) * self.area if level >= self.bottom else 0.0


DEEP: Final[dict[str, Depth]] = {  # of the table above what is deeper than the shortest tip reaches
    "nest_96_wellplate_2ml_deep": Depth(1.67, 40, 54.7),
    "opentrons_6_tuberack_falcon_50ml_conical": Depth(14.3, 3300, 538),
    "opentrons_6_tuberack_nest_50ml_conical": Depth(14.35, 3050, 530),
    "opentrons_15_tuberack_falcon_15ml_conical": Depth(20.7, 1310, 143),
    "opentrons_15_tuberack_nest_15ml_conical": Depth(22.55, 1290, 149.5),
    "opentrons_24_aluminumblock_nest_2ml_snapcap": Depth(6.26, 180, 59.9),
    "opentrons_24_tuberack_eppendorf_2ml_safelock_snapcap": Depth(6.97, 250, 60.5),
    "opentrons_24_tuberack_nest_1.5ml_snapcap": Depth(17.4, 530, 63.3),
    "opentrons_24_tuberack_nest_2ml_snapcap": Depth(6.26, 180, 59.9),
}

# How far a tip reaches below the nozzle, mm: its length less what is pushed onto the pipette (Opentrons' definitions).
REACH: Final = {20: 30.9, 50: 47.4, 200: 47.8, 300: 51.8, 1000: 80.0}
DRAWN_AT: Final = 1.0  # mm above the bottom: where Opentrons aspirates unless told otherwise
DRY: Final = 2.0  # mm that a nozzle stays above the liquid
