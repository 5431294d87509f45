"""Real queues for tests and benchmarks: a Slurm of one node, started from Debian's packages, and its troubles."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.executors.dask_scheduler import nothing_collected
from tests.adapters.helpers import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sacct")
ACCOUNTING = ("slurmdbd", "sacctmgr", "mariadbd", "mariadb-install-db")
LONG_REST = 120.0  # seconds; a worker that is not heard of for five minutes counts as gone


def missing_programs(programs: Iterable[str] = PROGRAMS) -> list[str]:
    """What a Slurm cluster needs and this machine lacks."""
    return [name for name in programs if _which(name) is None]


class OneNodeSlurm:
    """munged, slurmctld and slurmd, all on this machine and in one folder; where asked for, accounting by slurmdbd.

    As root, munged runs as the user munge, as Debian has it.
    """

    def __init__(self, cpus: int = 8, *, has_accounting: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o755)
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir()
        self._starts = 0
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        host = self.node = socket.gethostname().split(".")[0]
        user = pwd.getpwuid(os.getuid()).pw_name
        settings = {
            "ClusterName": "test",
            "SlurmctldHost": f"{host}(127.0.0.1)",
            "SlurmctldPort": free_port(),
            "SlurmUser": user,
            "SlurmdUser": user,
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={self.folder}/munge/socket",
            "CredType": "cred/munge",
            "StateSaveLocation": self.folder / "state",
            "SlurmdSpoolDir": self.folder / "spool",
            "SlurmctldLogFile": self.folder / "slurmctld.log",
            "SlurmdLogFile": self.folder / "slurmd.log",
            "SlurmctldPidFile": self.folder / "slurmctld.pid",
            "SlurmdPidFile": self.folder / "slurmd.pid",
            "ProctrackType": "proctrack/linuxproc",
            "TaskPlugin": "task/none",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core_Memory",
            "MpiDefault": "none",
            "ReturnToService": 2,
            "KillWait": 2,
            "SlurmdParameters": "config_overrides",  # more processors than there are: tests wait more than they compute
            "SchedulerParameters": "sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0",
            "PreemptType": "preempt/partition_prio",
            "PreemptMode": "CANCEL",
            "MessageTimeout": 2,
            "MailProg": "/bin/true",
        }
        if has_accounting:
            self._dbd_port = free_port()
            settings |= {
                "AccountingStorageType": "accounting_storage/slurmdbd",
                "AccountingStorageHost": "127.0.0.1",
                "AccountingStoragePort": self._dbd_port,
                "AccountingStoragePass": self.folder / "munge" / "socket",  # of a munged that is not the machine's
            }
        lines = [f"{name}={value}" for name, value in settings.items()]
        lines.append(
            f"NodeName={host} NodeAddr=127.0.0.1 Port={free_port()} CPUs={cpus} RealMemory=60000 State=UNKNOWN"
        )
        lines.append(f"PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP")
        (self.folder / "slurm.conf").write_text("\n".join(lines) + "\n")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._start_munged()
        if has_accounting:
            self._start_accounting(user)
        self._start("slurmctld", "-c")
        self._start("slurmd")
        self.wait_until_it_answers()

    @property
    def environ(self) -> Mapping[str, str]:
        """What Slurm's commands need to find this cluster."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def kill_controller(self) -> None:
        """End slurmctld at once, as a loss of power would."""
        self._kill("slurmctld", signal.SIGKILL)

    def start_controller(self, *, is_empty: bool = False, first_id: int = 1) -> None:
        """Start slurmctld again; ``is_empty`` as a new cluster: jobs are gone, and ids begin at ``first_id``."""
        if is_empty:
            self._kill("slurmd", signal.SIGTERM)  # it would refuse a job whose id it has seen
            for name in ("state", "spool"):
                shutil.rmtree(self.folder / name)
                (self.folder / name).mkdir()
        # Otherwise what it saved last is a second old, and it would give ids again that the node knows.
        self._starts += 1
        with (self.folder / "slurm.conf").open("a") as file:
            file.write(f"FirstJobId={first_id if is_empty else 1000 * self._starts}\n")
        self._start("slurmctld", *(["-c"] if is_empty else []))
        if is_empty:
            self._start("slurmd")
        self.wait_until_it_answers()

    def run(self, *words: str, check: bool = True) -> str:
        """What one of Slurm's commands says."""
        done = subprocess.run(
            words, env={**os.environ, **self.environ}, capture_output=True, text=True, check=check, timeout=60
        )
        return done.stdout

    def wait_until_it_answers(self, seconds: float = 120.0) -> None:
        """Wait until jobs begin or run; a node that Slurm drained is taken back, as an administrator would.

        A controller that was killed may have forgotten the last second: it launches a job that runs, which the node
        refuses as a duplicate, and both the job and the node are out.
        """
        give_up = time.monotonic() + seconds
        while not any(state in (said := self._node_state()) for state in ("idle", "mix", "alloc")):
            if time.monotonic() > give_up or any(p.poll() is not None for p in self._processes.values()):
                raise AssertionError(f"Slurm does not answer: {said}\n{self._logs()}")
            if _is_out(said):
                self.resume_node()
            time.sleep(0.1)

    def is_node_out(self) -> bool:
        """Whether Slurm gives the node no jobs."""
        return _is_out(self._node_state())

    def _node_state(self) -> str:
        return self.run("sinfo", "--noheader", "--format=%T", check=False)

    def resume_node(self) -> None:
        """Take the node back, whatever Slurm holds against it."""
        self.run("scontrol", "update", f"NodeName={self.node}", "State=RESUME", check=False)

    @contextmanager
    def partition_before(self, name: str) -> Iterator[None]:
        """Another partition, whose jobs end those of the first where there is no room for both."""
        self.run("scontrol", "create", f"PartitionName={name}", f"Nodes={self.node}", "PriorityTier=10", "State=UP")
        try:
            yield
        finally:
            self.run("scancel", f"--partition={name}")
            wait_for = time.monotonic() + 60.0
            while self.run("squeue", "--noheader", f"--partition={name}").strip() and time.monotonic() < wait_for:
                time.sleep(0.1)
            self.run("scontrol", "delete", f"PartitionName={name}")

    def clear(self) -> None:
        """Cancel every job, and wait until none is left."""
        self.run("scontrol", "update", "PartitionName=main", "State=UP", check=False)
        self.run("scancel", f"--user={os.getuid()}", check=False)
        give_up = time.monotonic() + 60.0
        while self.run("squeue", "--noheader", check=False).strip() and time.monotonic() < give_up:
            time.sleep(0.1)
        self.wait_until_it_answers()

    def close(self) -> None:
        """End everything, the jobs first."""
        self.clear()
        for name in ("slurmd", "slurmctld", "slurmdbd", "munged"):
            self._kill(name, signal.SIGTERM)
        self._kill("mariadbd", signal.SIGKILL)  # its data go with the folder
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_munged(self) -> None:
        folder, key = self.folder / "munge", self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(stat.S_IRUSR | stat.S_IWUSR)
        more: dict[str, Any] = {}
        if os.getuid() == 0:
            owner = pwd.getpwnam("munge")
            for path in (folder, key):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            more = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        words = {"key-file": key, "socket": folder / "socket", "pid-file": folder / "pid", "seed-file": folder / "seed"}
        command = ["--foreground", "--force", *(f"--{name}={path}" for name, path in words.items())]
        self._start("munged", *command, **more)
        give_up = time.monotonic() + 120.0
        while not (folder / "socket").exists():
            if time.monotonic() > give_up:
                raise AssertionError(f"munged does not start\n{self._logs()}")
            time.sleep(0.02)

    def _start_accounting(self, user: str) -> None:
        """MariaDB and slurmdbd, which knows the cluster before its controller starts."""
        data, port, word = self.folder / "mariadb", free_port(), secrets.token_hex(16)
        own = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
        quick = [
            "--innodb-log-file-size=4M",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-innodb-doublewrite",
        ]
        install = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(
            [str(_which("mariadb-install-db")), *own, *quick, *install], check=True, capture_output=True, timeout=120
        )
        first = self.folder / "first.sql"
        # Without its database slurmdbd's first connection fails, and on the next libmariadb 3.4.10 reads no answer.
        words = (
            "CREATE DATABASE slurm_acct_db",
            f"CREATE USER slurm IDENTIFIED BY '{word}'",
            "GRANT ALL ON *.* TO slurm",
        )
        first.write_text("".join(f"{line};\n" for line in words))
        network = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={self.folder}/mariadb.socket"]
        self._start("mariadbd", *own, *quick, *network, "--skip-name-resolve", f"--init-file={first}")
        settings = {
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={self.folder}/munge/socket",
            "DbdHost": "localhost",
            "DbdAddr": "127.0.0.1",
            "DbdPort": self._dbd_port,
            "SlurmUser": user,
            "LogFile": self.folder / "slurmdbd.log",
            "PidFile": self.folder / "slurmdbd.pid",
            "StorageType": "accounting_storage/mysql",
            "StorageHost": "127.0.0.1",
            "StoragePort": port,
            "StorageUser": "slurm",
            "StoragePass": word,
        }
        path = self.folder / "slurmdbd.conf"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        path.chmod(0o600)
        _await_port(port)
        self._start("slurmdbd", env={**os.environ, **self.environ})
        _await_port(self._dbd_port)
        self.run("sacctmgr", "--immediate", "add", "cluster", "test")

    def _start(self, name: str, *words: str, **more: Any) -> None:
        foreground = {
            "munged": [],
            "mariadbd": [],
            "slurmdbd": ["-D"],
        }.get(name, ["-D", "-f", str(self.folder / "slurm.conf")])
        with (self.folder / f"{name}.txt").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(_which(name)), *foreground, *words],
                cwd=self.folder,  # where one that crashes leaves its core
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **more,
            )

    def _kill(self, name: str, number: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("*.txt")))


def lose_replies(folder: Path, program: str, times: int) -> Path:
    """A folder for the path, whose ``program`` does its work and then fails as after a time-out, so many times."""
    real = shutil.which(program)
    assert real is not None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "left").write_text("x" * times)
    wrapper = folder / program
    wrapper.write_text(
        f"""#!/bin/sh
left=$(cat {folder}/left)
if [ -z "$left" ]; then exec {real} "$@"; fi
printf '%s' "${{left#x}}" >{folder}/left
{real} "$@" >/dev/null
echo "{program}: error: Socket timed out on send/recv operation" >&2
exit 1
"""
    )
    wrapper.chmod(0o755)
    return folder


def _is_out(state: str) -> bool:
    return "drain" in state or "down" in state


def _which(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + "/sbin")


def _await_port(port: int, seconds: float = 120.0) -> None:
    """Return once somebody listens there."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


class OneNodeDask:
    """A Dask scheduler and workers without nannies on this machine, each in a process of its own."""

    def __init__(self, workers: int = 2, threads: int = 4) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dask-"))
        self._threads, self._port = threads, free_port()
        self._resting_since: float | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()
        for _ in range(workers):
            self.start_worker()
        self.wait_until_it_answers(workers)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    def start_scheduler(self) -> None:
        words = ("--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard", "--no-show")
        self._scheduler = self._start("scheduler", *words)

    def start_worker(self) -> None:
        words = ("--nthreads", str(self._threads), "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        place = ("--host", "127.0.0.1", "--local-directory", str(self.folder))
        self.workers.append(self._start("worker", self.address, *words, *place))

    def kill_scheduler(self) -> None:
        """End the scheduler at once; workers end by themselves when they notice."""
        self._scheduler.kill()
        self._scheduler.wait()

    def kill_worker(self) -> None:
        """End the worker that was started first, at once."""
        worker = self.workers.pop(0)
        worker.kill()
        worker.wait()

    def rest(self) -> None:
        """Let all processes do nothing until ``mend``: while nothing runs they take a twentieth of a core."""
        self._resting_since = time.monotonic()
        for process in (self._scheduler, *self.workers):
            process.send_signal(signal.SIGSTOP)

    def mend(self, workers: int = 2) -> None:
        """Wake what rests, start what is missing, and wait until so many workers are there."""
        if self._resting_since is not None and time.monotonic() - self._resting_since > LONG_REST:
            self.kill_scheduler()
        self._resting_since = None
        for process in (self._scheduler, *self.workers):
            process.send_signal(signal.SIGCONT)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        if self._scheduler.poll() is not None:
            while self.workers:
                self.kill_worker()
            self.start_scheduler()
        while len(self.workers) < workers:
            self.start_worker()
        self.wait_until_it_answers(workers)

    def wait_until_it_answers(self, workers: int, seconds: float = 120.0) -> None:
        from distributed import Client

        with nothing_collected():
            client = Client(self.address, timeout=seconds, set_as_default=False)
        with client:
            client.wait_for_workers(workers, timeout=seconds)

    def close(self) -> None:
        while self.workers:
            self.kill_worker()
        self.kill_scheduler()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, what: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{what}.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *words],
                # Their profiler looks at every thread a hundred times in a second, whether anything runs or not.
                env={**os.environ, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
