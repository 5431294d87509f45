"""A stand-in for an Opentrons robot: its HTTP API as published, without the robot, and with its troubles.

It behaves as robot-server 8.x does where that matters to whoever drives it: the same protocol again is the same
resource; a run is created inert and there is one current run; whatever is not archived is forgotten by a restart; the
oldest of more than twenty runs are deleted, and protocols that no run uses after five. What really moved is written
beside, for those who judge.

A run goes on by being looked at, so that nothing depends on time: ``looks`` looks after it was played it has ended.
``python -m adapters.opentrons.stand_in FOLDER`` serves one on this machine.
"""

from adapters.opentrons.stand_in.robot import MOST_RUNS, MOST_UNUSED_PROTOCOLS, StandIn
from adapters.opentrons.stand_in.serving import serving, transport

__all__ = ["MOST_RUNS", "MOST_UNUSED_PROTOCOLS", "StandIn", "serving", "transport"]
