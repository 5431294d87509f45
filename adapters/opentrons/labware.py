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
    """What it aspirates at once, in uL, with tips of at most ``tip`` uL."""

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

HEATERS: Final = frozenset({"heaterShakerModuleV1", "temperature module gen2"})
SHAKERS: Final = frozenset({"heaterShakerModuleV1"})
