"""Serve a stand-in until it is stopped: ``python -m adapters.opentrons.stand_in FOLDER [OT-2|Flex] [PORT] [PIPETTES]``.

``PIPETTES`` are what is attached, such as ``left=p20_single_gen2 right=p300_single_gen2``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from adapters.opentrons.stand_in.robot import StandIn
from adapters.opentrons.stand_in.serving import serving


def asked_for(given: Sequence[str]) -> tuple[StandIn, str, int]:
    """The robot that these words name, its model and its port."""
    plain = [word for word in given if "=" not in word]
    folder, machine, port = [*plain, *["stand-in", "OT-2", "31950"][len(plain) :]][:3]
    pipettes = dict(word.split("=", 1) for word in given if "=" in word)
    return StandIn(Path(folder), machine=machine, pipettes=pipettes), machine, int(port)


def main() -> None:
    robot, machine, port = asked_for(sys.argv[1:])
    with serving(robot, port) as url, suppress(KeyboardInterrupt):
        print(f"a stand-in for an {machine} at {url}; stop it with Ctrl-C", flush=True)
        Event().wait()


if __name__ == "__main__":
    main()
