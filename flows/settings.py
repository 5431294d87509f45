"""Settings: where a project keeps its record and its files, and who is working."""

from __future__ import annotations

import getpass
import os
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from loop import checkpoints
from loop.errors import HakkenError

LEASE: Final = timedelta(minutes=15)  # longer than any single step; a dead process on this machine costs no wait


DEVICES: Final = ("auto", "cpu", "cuda")
# A server as libpq's own pairs name it, or as a URL with a slash, the colon or all before them left out.
_SERVER: Final = re.compile(
    r"\s*(host|hostaddr|port|dbname|user|password|service)\s*="
    r"|(?!postgres(ql)?(\+\w+)?://)postgres(\S*@|(ql)?(:|//))"
    r"|(?![^@]*://)[^\s/:@]+(:[^\s@]*@|@[^\s/:@]+:\d)"
)
_FILE: Final = re.compile("sqlite:(?!///)")  # of a path that is no URL yet


class SettingsError(HakkenError):
    """An environment variable says something that cannot be; mend or unset it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the flows need to know of their surroundings."""

    home: Path = Path("runs")  # one folder per campaign, and the database unless it is elsewhere
    database: str = ""  # URL, or path of a SQLite file; ``sqlite:///HOME/hakken.db`` when left empty
    by: str = ""  # who is named in the record; the login name when left empty
    lease: timedelta = LEASE
    pool: str = "hakken"  # Prefect work pool of the ticks
    train_pool: str = ""  # Prefect work pool where batches are planned; "" plans inside the tick
    device: str = "auto"  # trains networks and looks over large libraries: of ``DEVICES``; auto is a GPU where one is

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise SettingsError(
                f"HAKKEN_DEVICE must be one of {', '.join(DEVICES)}, got {self.device!r}; mend it, or unset it for auto"
            )
        object.__setattr__(self, "home", Path(self.home).expanduser().absolute())
        object.__setattr__(self, "database", _url(self.database) if self.database else self._own_database)
        object.__setattr__(self, "by", self.by or _login())

    @staticmethod
    def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
        """From ``HAKKEN_HOME``, ``HAKKEN_DATABASE``, ``HAKKEN_USER``, ``HAKKEN_POOL``, ``HAKKEN_TRAIN_POOL`` and
        ``HAKKEN_DEVICE``.

        Also gives OpenMP one quiet thread unless the environment says otherwise, and arms the crash point that
        ``HAKKEN_CRASH_AT`` names (at its ``HAKKEN_CRASH_COUNT``-th time), for tests of crash safety.

        Raises:
            SettingsError: ``HAKKEN_HOME`` names a file, ``HAKKEN_CRASH_COUNT`` is not a whole number above zero,
                ``HAKKEN_DEVICE`` no device, or ``HAKKEN_DATABASE`` a server or a file as no URL does.
        """
        given = os.environ if environ is None else environ
        _keep_threads_quiet()
        if label := given.get("HAKKEN_CRASH_AT"):
            checkpoints.on_reached = _crash_at(label, given.get("HAKKEN_CRASH_COUNT", "1"))
        return Settings(
            _folder(_home(given)),
            given.get("HAKKEN_DATABASE", ""),
            given.get("HAKKEN_USER", ""),
            pool=given.get("HAKKEN_POOL") or "hakken",
            train_pool=given.get("HAKKEN_TRAIN_POOL", ""),
            device=given.get("HAKKEN_DEVICE") or "auto",
        )

    @property
    def _own_database(self) -> str:
        return f"sqlite:///{self.home / 'hakken.db'}"

    @property
    def has_own_record(self) -> bool:
        """Whether the record lies in the project's folder, so that another folder is another record."""
        return self.database == self._own_database

    def folder(self, campaign: str) -> Path:
        """Where a campaign keeps its report, its origin and its laboratory's files."""
        return self.home / campaign


def _url(database: str) -> str:
    """The database as a URL: a plain path is a file of SQLite."""
    if _SERVER.match(database):  # what was written may hold a password, and is not said
        raise SettingsError(
            "HAKKEN_DATABASE names a server, and not as a URL does; write postgresql://USER@HOST:PORT/NAME, or the "
            "path of a SQLite file"
        )
    if _FILE.match(database):
        raise SettingsError(
            f"HAKKEN_DATABASE {database!r} names a SQLite file, and not as a URL does; write sqlite:///FILE, or the "
            "path alone"
        )
    return database if "://" in database else f"sqlite:///{Path(database).expanduser().absolute()}"


def _home(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get("HAKKEN_HOME") or "runs")


def _folder(home: Path) -> Path:
    """The project's folder, which need not be there yet."""
    found = home.expanduser().absolute()
    there = next(path for path in (found, *found.parents) if os.path.lexists(path))
    if os.path.isfile(there):
        raise SettingsError(
            f"HAKKEN_HOME: {found} cannot be the project's folder, since {there} is a file; name a folder, or a place "
            "where one can be made"
        )
    return home


def _crash_at(label: str, count: str) -> Callable[[str], None]:
    """Kills this process, as a loss of power would, when the label is reached for the n-th time."""
    if not count.isdigit() or int(count) < 1:
        raise SettingsError(f"HAKKEN_CRASH_COUNT must be a whole number above zero, got {count!r}; unset it")
    left = int(count)

    def on_reached(reached: str) -> None:
        nonlocal left
        if reached == label:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return on_reached


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def _keep_threads_quiet() -> None:
    """Idle OpenMP threads spin and take the cores from everything else; must be set before numpy or torch load."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def prepare_prefect() -> None:
    """Keep Prefect's own files with the project, and let it tell nobody. Comes before Prefect is imported.

    What the environment says already stands; what it says wrongly is for ``Settings.from_environment`` to refuse, when
    there is somebody to be told.
    """
    _keep_threads_quiet()
    os.environ.setdefault("PREFECT_HOME", str(_home().expanduser().absolute() / "prefect"))
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    # A server of its own on a new home takes 15 seconds to come up; Prefect waits 20.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "60")
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")  # the shortest; tells a killed run from a slow one
