"""Clusters of dask-jobqueue, in a process of their own: says what it would submit, and where one of this machine is.

Called as ``python jobqueues.py FOLDER``; prints one line of JSON and goes when its input ends. What it makes, the guide
states (docs/guide/executors.md): workers of one process, and a resource that bounds the calculations of each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from dask_jobqueue import LSFCluster, PBSCluster, SGECluster
from dask_jobqueue.local import LocalCluster

HERE = {"host": "127.0.0.1", "dashboard_address": None}
STATED = {"cores": 8, "processes": 1, "memory": "18GB", "worker_extra_args": ["--resources", "calculations=2"]}
OF_EACH: dict[Any, dict[str, Any]] = {
    PBSCluster: {"walltime": "12:00:00"},
    SGECluster: {"walltime": "12:00:00", "resource_spec": "h_vmem=2.25G", "job_extra_directives": ["-pe smp 8"]},
    LSFCluster: {"walltime": "12:00"},
}


def script(kind: Any, **options: Any) -> str:
    with kind(scheduler_options=HERE, **options) as cluster:
        return str(cluster.job_script())


def main(folder: str) -> None:
    told: dict[str, Any] = {kind.__name__: script(kind, **STATED, **more) for kind, more in OF_EACH.items()}
    told["unstated"] = script(PBSCluster, cores=8, memory="16GB")
    with LocalCluster(scheduler_options=HERE, local_directory=folder, **STATED) as cluster:
        cluster.scale(jobs=1)
        cluster.wait_for_workers(1)
        workers = cluster.scheduler_info["workers"].values()
        seen = [[worker["nthreads"], worker["memory_limit"], worker["resources"]] for worker in workers]
        print(json.dumps({**told, "address": cluster.scheduler_address, "workers": seen}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
