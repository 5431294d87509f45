"""What the suite has to know of an adapter to examine it from the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loop.contracts import Adapter, AttemptKey, ExperimentSpec
from loop.testing.adapter.material import Finish, wait_for_end


@dataclass(frozen=True, slots=True)
class Trial:
    """``pytest --pyargs loop.testing --adapter my.module:trial`` examines the adapter that it describes.

    It may also be an attribute ``trial`` of the adapter's class: ``--adapter my.module:MyAdapter``.
    """

    make: Callable[[Path], Adapter]  # a new object; whatever it keeps lies in the folder, which is fresh for each test
    experiment: ExperimentSpec  # one that it accepts and that gives an outcome
    refused: ExperimentSpec  # one that ``validate`` must name
    count_runs: Callable[[Path, AttemptKey], int]  # how often the other side really carried out a key
    finish: Finish = wait_for_end  # brings a started attempt to its end
    foreseen: ExperimentSpec | None = None  # one that is foreseen to be refused, where the adapter ``Foresees``
    shuffles: int = 25  # how many orders of calls are tried
