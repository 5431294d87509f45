"""The clock of a share: of a file that it dates an hour back nobody would see that it is being written just now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

PROBE: Final = ".waiting/clock"  # in the instrument's folder, written to be dated
_GOOD_FOR: Final = 60.0  # seconds
_SLOW: Final = 2.0  # seconds that writing may take, or a file system's dates are rounded by


class SharesClock:
    """How far the clock by which an instrument's folder dates its files is behind ours."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._probe, self._clock = folder / PROBE, clock
        self._found, self._since = 0.0, float("-inf")

    def behind(self) -> float:
        """Seconds, 0 where it is not behind, and where nothing may be written that would tell."""
        if not 0 <= self._clock() - self._since < _GOOD_FOR:
            self._found, self._since = self._measured(), self._clock()
        return self._found

    def _measured(self) -> float:
        try:
            self._probe.parent.mkdir(exist_ok=True)
            self._probe.write_text("\n")
            apart = self._clock() - self._probe.stat().st_mtime
        except OSError:
            return 0.0
        return apart if apart > _SLOW else 0.0
