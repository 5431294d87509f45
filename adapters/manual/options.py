"""What a campaign file may say of a manual laboratory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.folder import Jobs
from adapters.common.options import Options, read_options, resolve
from loop.contracts import AdapterContext

if TYPE_CHECKING:
    from adapters.manual.laboratory import Manual

EXAMPLE: Final = """\
laboratory:
  adapter: manual
  worksheet: bench.csv
  approval: person
"""


class ManualOptions(Options):
    """What a campaign file may say of a manual laboratory."""

    worksheet: str | None = None  # CSV file, as seen from the campaign file; in the laboratory's folder when left out


def build(options: Mapping[str, Any], context: AdapterContext) -> Manual:
    """A manual laboratory from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or of the wrong type.
    """
    from adapters.manual.laboratory import Manual

    settings = read_options(ManualOptions, "manual", options)
    name = settings.worksheet
    path = Path(context.folder) / "worksheet.csv" if name is None else resolve(context.base, name)
    return Manual(
        Jobs(context.folder),
        path,
        context.targets,
        context.beside,
        context.recipe,
        context.campaign,
        context.words,
        context.molecules,
        context.parameters,
        context.derived,
    )
