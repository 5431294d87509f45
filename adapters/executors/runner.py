"""The child that runs an evaluator: imports it, calls it, writes ``output.json`` by temporary name and rename.

Called as ``python -P runner.py JOBFOLDER SUPERVISORPID``.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

# Libraries reserve address space that they never touch, in bytes: all together, and each thread. PySCF takes 3.2e9 of
# each thread for Coulomb integrals without exchange.
_FENCE: Final = 2 * 2**30
_FENCE_OF_THREAD: Final = 4 * 2**30
_PR_SET_PDEATHSIG: Final = 1  # Linux, <sys/prctl.h>


def main(folder: Path, supervisor: int) -> None:
    """Run the job in ``folder``; every way to end is written as a payload."""
    _die_with(supervisor)
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    sys.path.extend(entry for entry in task["path"] if entry not in sys.path)
    reserve = _FENCE + int(task["environ"]["OMP_NUM_THREADS"]) * _FENCE_OF_THREAD
    _limit(resource.RLIMIT_AS, task["memory"] + reserve)  # the supervisor watches the resident size; this is the fence
    _limit(resource.RLIMIT_CORE, 0)

    from adapters.common.durable import PATIENCE, once_there_is_room, replace

    output = json.dumps(_evaluate(task), sort_keys=True, allow_nan=False)
    once_there_is_room(lambda: replace(folder / "output.json", output), away=PATIENCE)


def _evaluate(task: dict[str, Any]) -> dict[str, Any]:
    from adapters.compute.evaluation import Request
    from adapters.errors import AnalysisFailed, EvaluationError, OutOfResources, ProgramFailed

    module, function = task["function"].split(":")
    try:
        subject = Request(**task["request"]) if "request" in task else task["smiles"]
        evaluation = getattr(import_module(module), function)(subject, **task["options"])
        values: list[dict[str, Any]] = [
            {"property": name, "value": float(value), "unit": unit, **_sign(evaluation.limits.get(name))}
            for name, (value, unit) in evaluation.values.items()
            if name in task["properties"]
        ]
        if odd := [f"{v['property']} came out as {v['value']}" for v in values if not math.isfinite(v["value"])]:
            rule = "leave out what has no value, or let it end as a negative or a fault"
            raise AnalysisFailed(f"{', '.join(odd)}, and a result holds finite numbers; {rule}")
        values += [{"property": n, "value": w} for n, w in evaluation.words.items() if n in task["properties"]]
        _check_targets(evaluation, values, task.get("targets", ()))  # none in one prepared long ago
    except EvaluationError as error:
        return _fault(error.kind.value, str(error), error.code, _plain(error.details))
    except MemoryError:
        return _fault("resource_error", "memory ran out; raise 'memory' if it may use more", "out_of_memory")
    except Exception as error:
        import tempfile
        import traceback

        from adapters.common.durable import NO_ROOM

        traceback.print_exc()  # kept as the end of stderr
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            where = f"make room there, or set TMPDIR, which is {tempfile.gettempdir()}, to a disk with more"
            return _fault("resource_error", f"a disk is full ({error}); {where}", OutOfResources.code)
        return _fault("unknown", f"{type(error).__name__}: {error}", ProgramFailed.code)
    provenance = {
        "program": evaluation.program,
        "version": evaluation.version,
        "repairs": list(evaluation.repairs),
        **({"lacking": dict(evaluation.lacking)} if evaluation.lacking else {}),
        **evaluation.details,
    }
    if evaluation.negative:
        reason = _words(evaluation.negative)
        return {"outcome": "negative", "reason": reason, "values": values, "provenance": provenance}
    return {"outcome": "measured", "values": values, "provenance": provenance}


def _check_targets(evaluation: Any, values: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> None:
    """Raise where there is a value of no target: as ``InputRefused`` where the structure can have none."""
    from adapters.errors import AnalysisFailed, InputRefused

    if evaluation.negative or not targets or any(v["property"] in targets for v in values):
        return
    details = {**evaluation.details, "values": list(values)}
    if all(name in evaluation.lacking for name in targets):
        why = "; ".join(dict.fromkeys(evaluation.lacking[name] for name in targets))
        raise InputRefused(f"no {' and no '.join(targets)}: {why}; leave the molecule out", details=details)
    got = ", ".join(v["property"] for v in values) or "nothing"
    raise AnalysisFailed(
        f"{evaluation.program} gave {got}, and none of {', '.join(targets)}; have it give one", details=details
    )


def _sign(limit: str | None) -> dict[str, str]:
    return {} if limit is None else {"qualifier": limit}


def _fault(kind: str, message: str, code: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    told = {"outcome": "fault", "kind": kind, "message": _words(message)}
    return {**told, "provenance": {**(details or {}), "code": code}}


def _words(text: str) -> str:
    """The text without half characters, which names of files may have and no record keeps."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details as JSON values; as one text where they are none, so that the rest is not lost with them."""
    try:
        json.dumps(details, allow_nan=False, ensure_ascii=False).encode()
        return dict(json.loads(json.dumps(details)))
    except (TypeError, ValueError):
        return {"details": repr(dict(details))}


def _die_with(supervisor: int) -> None:
    """Nobody enforces limits once the supervisor is gone, so the child goes with it (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it died before the line above
        sys.exit(1)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
