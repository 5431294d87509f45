"""A compute manager for tests, run by QCFractal's own Python: claims tasks, computes them by QCEngine, sends them back.

``fractal_parent.py`` starts it. QCFractal's own starts a Python for each task (2 s of one core); this one computes in
its own process. Tasks whose tag has a file ``FOLDER/hold-TAG`` are claimed and held. ``FOLDER/claims.log`` gets a line
for each task that is known here, ``FOLDER/runs.log`` one before each computation.
"""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import qcengine
from qcelemental.models import QCEL_V1V2_SHIM_CODE
from qcfractalcompute.compress import compress_result
from qcportal.manager_client import ManagerClient
from qcportal.managers import ManagerName


def compute(kwargs: dict) -> dict:
    """What ``qcfractalcompute/run_scripts/qcengine_compute.py`` does."""
    if "procedure" in kwargs:
        kwargs["program"] = kwargs.pop("procedure")
    result = qcengine.compute(**kwargs, task_config={"ncores": 1, "memory": 1}, return_dict=False, return_version=2)
    return json.loads(json.dumps(result.convert_v(QCEL_V1V2_SHIM_CODE).model_dump(mode="json")))


def main(folder: str, address: str, user: str, password: str) -> None:
    here = Path(folder)
    programs = {name: ["1"] for name in ("qcengine", "rdkit", "geometric")}
    name = ManagerName(cluster="tests", hostname="here", uuid=str(uuid.uuid4()))
    client = ManagerClient(name, address, user, password)
    client.activate("0", programs, ["*"])
    tasks: list = []

    def note(name: str, *about: object) -> None:
        with (here / name).open("a") as log:
            log.writelines(json.dumps({"record": task.record_id, "tag": task.compute_tag}) + "\n" for task in about)

    while True:
        try:
            claimed = client.claim(programs, ["*"], 50)
            note("claims.log", *claimed)
            tasks += claimed
            for task in list(tasks):
                if (here / f"hold-{task.compute_tag}").exists():
                    continue
                note("runs.log", task)
                tasks.remove(task)
                client.return_finished({task.id: compress_result(compute(task.function_kwargs))})
        except Exception as error:  # the server is killed by tests
            print(type(error).__name__, error, flush=True)
        time.sleep(0.25)
