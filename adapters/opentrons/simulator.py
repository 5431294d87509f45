"""Opentrons' own simulator, a program in an environment of its own: does it accept a protocol?"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.errors import AdapterUnavailable
from adapters.opentrons.protocol import FILE

LONGEST: Final = 600.0  # seconds; a full plate takes 5 on a quiet core


@dataclass(frozen=True, slots=True)
class Simulator:
    """The program as a ``Judge`` of plates."""

    program: Path

    @property
    def called(self) -> str:
        return "Opentrons' simulator"

    @property
    def edition(self) -> str:
        try:
            return str(self.program.stat().st_mtime_ns)
        except OSError:
            return ""

    def refusal(self, folder: Path) -> str | None:
        return refusal(self.program, folder / FILE)


def refusal(program: Path, protocol: Path) -> str | None:
    """Why the simulator refuses the protocol, its last words; None where it accepts it.

    Raises:
        AdapterUnavailable: It cannot be started, or does not end.
    """
    if not program.is_file():
        raise AdapterUnavailable(
            f"Opentrons' simulator is not at {program}; install it (make opentrons), or correct laboratory.simulator"
        )
    # It must find its own packages and none of ours, and keeps settings in its home.
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environ["OT_API_CONFIG_DIR"] = str(protocol.parent / "opentrons-settings")
    try:
        done = subprocess.run(
            [str(program), str(protocol)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST,
            stdin=subprocess.DEVNULL,
            env=environ,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AdapterUnavailable(
            f"Opentrons' simulator {program} gave no answer ({error}); start it by hand once"
        ) from None
    if done.returncode == 0:
        return None
    words = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return words[-1].strip() if words else f"it ended with {done.returncode}"
