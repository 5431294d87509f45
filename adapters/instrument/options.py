"""What a campaign file may say of an instrument: its folder, and which files there are results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from adapters.common.folder import Jobs
from adapters.common.options import Options, read_options, resolve, spelt
from adapters.instrument.played import PlayedInstrument, PlayedOptions
from loop.contracts import AdapterContext, Delivery

if TYPE_CHECKING:
    from adapters.instrument.laboratory import Instrument

DELIVERY: Final = Delivery.KEYED  # one line of the list for each key
EXAMPLE: Final = """\
laboratory:
  adapter: instrument
  folder: hplc              # where it leaves its files
  file: "plate-{plate}*.csv"
"""
# Which files count, and when, not which instrument it is: these may change while it has attempts.
FREE: Final = frozenset({"file", "settle", "final_newline"})


# Names are what tells an earlier file from a new one, so that those in folders of their own would be one.
FileName = Annotated[
    str, spelt(r"[^/\\]+", "what files in the folder itself are called, without / or \\; let it write to one folder")
]


class InstrumentOptions(Options):
    """What a campaign file may say of an instrument."""

    folder: str  # as seen from the campaign file
    file: FileName = "*"  # which files, with {plate}, {well} and {key} for the attempt's
    settle: Annotated[float, Field(ge=0)] = 5.0  # seconds that nobody has written to a file
    final_newline: bool = True  # the instrument ends every line; false: it does not, and a file counts once it rests
    played: PlayedOptions | None = None  # no instrument: its files are made from a measured table


def build(options: Mapping[str, Any], context: AdapterContext) -> Instrument:
    """An instrument from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown, missing or of the wrong type.
        TableError: The table that it is played from cannot be read.
    """
    from adapters.instrument.laboratory import Instrument

    settings = read_options(InstrumentOptions, "instrument", options)
    folder = resolve(context.base, settings.folder)
    played = None
    if settings.played is not None:
        folder = Path(context.folder) / "files"  # beside the record: the example's own folder stays as it is
        played = PlayedInstrument.of(settings.played, context)
    return Instrument(Jobs(context.folder), folder, settings, played)
