"""A compute manager for tests, run by QCFractal's own Python: claims tasks, computes them by QCEngine, sends them back.

``fractal_parent.py`` starts it. QCFractal's own starts a Python for each task (2 s of one core); this one computes in
its own process. Tasks whose tag has a file ``FOLDER/hold-TAG`` are claimed and held. ``FOLDER/runs.log`` gets a line
before each computation.
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
    while True:
        try:
            tasks += client.claim(programs, ["*"], 50)
            for task in list(tasks):
                if (here / f"hold-{task.compute_tag}").exists():
                    continue
                with (here / "runs.log").open("a") as log:
                    log.write(json.dumps({"record": task.record_id, "tag": task.compute_tag}) + "\n")
                tasks.remove(task)
                client.return_finished({task.id: compress_result(compute(task.function_kwargs))})
        except Exception as error:  # the server is killed by tests
            print(type(error).__name__, error, flush=True)
        time.sleep(0.25)
