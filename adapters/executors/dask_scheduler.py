"""A Dask scheduler that somebody started: asked by one client, which comes and goes as the scheduler does."""

from __future__ import annotations

import gc
import logging
import math
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Any, Final, TypeVar

from adapters.errors import AdapterUnavailable

T = TypeVar("T")

REMEDY: Final = "install it: pip install 'hakken[dask]'"
_PATIENCE: Final = 10.0  # seconds for the scheduler to answer
_REST: Final = 5.0  # seconds until a scheduler that gave no answer is asked again
_GREETINGS: Final = 4  # of one scheduler until what it answers is called an error
_PAUSE: Final = 0.2  # seconds between two of them
_MEND: Final = "start one (dask scheduler), or mend the address"


class Scheduler:
    """The scheduler at an address, such as ``tcp://node17:8786``.

    Where it gives no answer it is not asked again for a moment, so that a pass over many jobs does not wait for each.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._error, self._not_before = "", 0.0
        self._seen = -math.inf, 0  # when its workers were counted, and how many there were

    def threads(self) -> Mapping[str, int]:
        """How many threads each worker has; schedulers of every version tell it so. Raises ``AdapterUnavailable``."""
        return self.ask(lambda client: dict(client.nthreads()))

    def workers(self) -> int:
        """How many workers there are; asked once for all the jobs of a pass. Raises ``AdapterUnavailable``."""
        seen, workers = self._seen
        if time.monotonic() - seen > _REST:
            workers = len(self.threads())
            self._seen = time.monotonic(), workers
        return workers

    def finds(self, path: str, use: int) -> Sequence[object]:
        """Whether each worker finds a path, and may use it so: False where one does not.

        By a function of the standard library, which they have all. Raises ``AdapterUnavailable``.
        """
        return list(self.ask(partial(_looks, path, use)).values())

    def versions_elsewhere(self) -> str:
        """The versions of distributed that are not the one here, with where each is; "" where there is no other."""
        return self.ask(_versions_elsewhere)

    def ask(self, question: Callable[[Any], T]) -> T:
        """Its answer to what a client of distributed asks.

        Raises:
            AdapterUnavailable: It gives none, or gave none a moment ago.
        """
        if time.monotonic() < self._not_before:
            raise AdapterUnavailable(self._error)
        try:
            return question(self._connected())
        except ImportError:
            raise AdapterUnavailable(f"run_on dask needs the package distributed; {REMEDY}") from None
        except AdapterUnavailable as error:
            self._rest(str(error))
            raise
        except Exception as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            where = f"the Dask scheduler at {self._address}"
            if isinstance(error, OSError | RuntimeError | ValueError):  # what distributed raises on lost connections
                said = f"{where} gives no answer ({text}); {_MEND}"
            else:  # an error over there is raised here
                same = f"whether it has the version of distributed that is here ({version_here()})"
                said = f"{where} answers with an error ({type(error).__name__}: {text}); see its log, and {same}"
            self._rest(said)
            raise AdapterUnavailable(said) from None

    def _rest(self, said: str) -> None:
        """Ask no more for a while, and connect anew then."""
        self._disconnect()
        self._error, self._not_before = said, time.monotonic() + _REST

    def _connected(self) -> Any:
        if self._client is not None and self._client.status != "running":
            self._disconnect()
        if self._client is None:
            # Of a lost connection they log tracebacks, beside what we say of it.
            for name in ("distributed.client", "distributed.comm.tcp"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
            try:
                self._client = self._greeted(import_module("distributed").Client)
            except TypeError as error:
                if "ssl_context" not in str(error):
                    raise
                raise AdapterUnavailable(
                    f"the Dask scheduler at {self._address} is reached with certificates only, and Dask's "
                    "configuration here names none; name them there (distributed.comm.tls), or give an address with "
                    "tcp://"
                ) from None
            weakref.finalize(self, _close_apart, self._client).atexit = False  # distributed closes what is left then
        return self._client

    def _greeted(self, kind: Any) -> Any:
        """A new client. Where the scheduler says more in one breath than its greeting (a worker came just then), an
        assertion of distributed fails, and the next greeting is as likely as ever to come by itself."""
        for left in reversed(range(_GREETINGS)):
            client = kind.__new__(kind)
            try:
                with nothing_collected():
                    client.__init__(self._address, timeout=_PATIENCE, set_as_default=False)
            except AssertionError:
                _close(client)  # left half-made, it would be closed by whatever thread collects it, and hold that up
                if not left:
                    raise
                time.sleep(_PAUSE)
            else:
                break
        return client

    def _disconnect(self) -> None:
        if self._client is not None:
            _close(self._client)
            self._client = None


def _looks(path: str, use: int, client: Any) -> Mapping[str, Any]:
    return dict(client.run(os.access, path, use, on_error="return"))


def _versions_elsewhere(client: Any) -> str:
    """The versions of distributed that are not the one here, with where each is; "" where there is no other."""
    told = client.get_versions(check=False)
    there: dict[str, list[str]] = {}
    for name, having in {"the scheduler": told["scheduler"], **told["workers"]}.items():
        version = str((having.get("packages") or {}).get("distributed"))
        if version != version_here():
            there.setdefault(version, []).append(name)
    return ", ".join(
        f"{version} on {names[0]}" + (f" and {len(names) - 1} more" if names[1:] else "")
        for version, names in there.items()
    )


def version_here() -> str:
    """Of distributed here."""
    return str(import_module("distributed").__version__)


@contextmanager
def nothing_collected() -> Iterator[None]:
    """For the start of a client: another one that is collected meanwhile would be closed by the thread that starts,
    and wait for a lock which that holds."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _close_apart(client: Any) -> None:
    """Let a client go from a thread of its own: what is collected in the client's must not wait for that one."""
    Thread(target=_close, args=(client,), daemon=True).start()


def _close(client: Any) -> None:
    """Let a client go, whatever state its connection is in; what it submitted stays."""
    try:
        client.close(timeout=2)
    except (OSError, RuntimeError, TimeoutError):
        return
