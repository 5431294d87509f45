"""Serve a stand-in until it is stopped: ``python -m adapters.opentrons.stand_in FOLDER [OT-2|Flex] [PORT]``."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

from adapters.opentrons.stand_in.robot import StandIn
from adapters.opentrons.stand_in.serving import serving


def main() -> None:
    given = sys.argv[1:]
    folder, machine, port = [*given, *["stand-in", "OT-2", "31950"][len(given) :]][:3]
    with serving(StandIn(Path(folder), machine=machine), int(port)) as url, suppress(KeyboardInterrupt):
        print(f"a stand-in for an {machine} at {url}; stop it with Ctrl-C", flush=True)
        Event().wait()


if __name__ == "__main__":
    main()
