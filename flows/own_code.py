"""Code of one's own that a campaign file names: where Python looks for it, and whether it is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loop.spec import CampaignSpec


def find_beside(folder: Path) -> None:
    """Have Python look in a folder too, last, so that nothing in it hides what is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def check_code(spec: CampaignSpec, folder: Path) -> None:
    """See that the models and the acquisition function of one's own that a file in ``folder`` names are there.

    Raises:
        SpecError: One is not, or cannot be made.
    """
    from loop.own import check_own  # brings numpy, which no --help wants

    find_beside(folder)
    check_own(spec.planner.surrogate, spec.planner.acquisition)
