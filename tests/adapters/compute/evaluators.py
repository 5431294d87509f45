"""Evaluators for the tests of executors; each runs in a child process."""

from __future__ import annotations

import errno
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adapters.common import durable
from adapters.compute.evaluation import Evaluation
from adapters.errors import ImaginaryMode, InputRefused, NotConverged, OutOfResources, ScfNotConverged


def measure(smiles: str, *, scale: float = 1.0) -> Evaluation:
    """The length of the SMILES, and something that nobody asked for."""
    print("measuring", smiles)
    values = {"length": (scale * len(smiles), "eV"), "extra": (1.0, "")}
    return Evaluation(values, "ruler", "1.2", ("straightened",), {"threads": os.environ["OMP_NUM_THREADS"]})


def wait(smiles: str, *, gate: str) -> Evaluation:
    """Say that it runs, and go on when the gate file appears."""
    with Path(gate).with_suffix(".running").open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(gate).exists():
        time.sleep(0.01)
    return measure(smiles)


def without_room(times: int, how: int = errno.ENOSPC) -> Callable[[Path, bytes, bool], Path]:
    """A way to write whole files that finds the disk full, or otherwise amiss, so many times."""
    write, left = durable._write_temporary, iter(range(times))

    def tried(path: Path, data: bytes, is_durable: bool) -> Path:
        if next(left, None) is not None:
            raise OSError(how, os.strerror(how), str(path))
        return write(path, data, is_durable)

    return tried


def fill_the_disk(smiles: str, *, times: int) -> Evaluation:
    """Measure, and leave no room for what comes out until somebody made some."""
    durable._write_temporary = without_room(times)
    return measure(smiles)


def scribble(smiles: str) -> Evaluation:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"/scratch/{smiles}.chk")


def refuse(smiles: str) -> Evaluation:
    raise InputRefused(f"{smiles} is not to my taste")


def diverge(smiles: str) -> Evaluation:
    raise NotConverged(f"{smiles} went round in circles")


def swing(smiles: str) -> Evaluation:
    raise ImaginaryMode(f"{smiles} is a saddle point")


def lift(smiles: str) -> Evaluation:
    tried = [{"remedy": "level_shift", "helped": False}, {"remedy": "smearing", "helped": False}]
    raise ScfNotConverged(f"{smiles} has no solution", details={"remedies": tried})


def blurt(smiles: str) -> Evaluation:
    raise NotConverged(smiles, code="melted", details={"temperature": float("nan"), "by": object()})


def stumble(smiles: str) -> Evaluation:
    raise RuntimeError(f"a mistake of ours about {smiles}")


def overeat(smiles: str) -> Evaluation:
    hoard = [bytearray(2**22) for _ in range(1024)]  # 4 GiB, each page touched
    return Evaluation({"length": (float(len(hoard)), "eV")}, smiles, "")


def starve(smiles: str) -> Evaluation:
    raise OutOfResources(f"the disk is full of {smiles}")


def clear_the_table(smiles: str) -> Evaluation:
    """As a library in C that is refused memory and ends the process."""
    os.write(2, f"begins with {smiles}\nmalloc(3199830648) failed in allocate_array\n".encode())
    os._exit(1)


def reserve(smiles: str) -> Evaluation:
    """What PySCF reserves of address space for each thread, and touches nothing of."""
    size = 3_200_045_648 * int(os.environ["OMP_NUM_THREADS"])
    with mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0):
        return Evaluation({"length": (float(len(smiles)), "eV")}, "ruler", "1.2")


def swallow(smiles: str) -> Evaluation:
    raise MemoryError(smiles)


def forget(smiles: str) -> Evaluation:
    return Evaluation({"length": (float("nan"), "eV")}, smiles, "")


def weigh(smiles: str, *, lacking: bool = False) -> Evaluation:
    """Something else than what is asked for; where that is lacking, the structure has none."""
    why = {"length": f"{smiles} has no ends"} if lacking else {}
    return Evaluation({"weight": (3.0, "g")}, "ruler", "1.2", lacking=why)


def vanish(smiles: str) -> Evaluation:
    print("last words", smiles, file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def leave(smiles: str) -> Evaluation:
    os._exit(len(smiles))
