"""The wire: one request, one document back, or ``AdapterUnavailable`` with what to do.

No redirect is followed, no certificate goes unchecked, nothing is read beyond a size or a time, no proxy and no
password is taken from the surroundings, and what is compressed is refused (a small reply may unfold to a huge one).
"""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from adapters.common.secret import secret
from adapters.http.contract import KEY_HEADER, Document
from adapters.http.options import HttpOptions
from loop.errors import AdapterUnavailable
from loop.named_once import named_once

if TYPE_CHECKING:
    import httpx

_ANSWERS: Final = frozenset({200, 201, 202, 404, 409, 422})  # those to which the contract gives a document
_IDLE: Final = 2.0  # seconds that a connection is kept for the next request; servers close theirs after some more
_MIB: Final = 1 << 20
Wanted = TypeVar("Wanted", bound=Document)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole: its status and its JSON object."""

    asked: str  # such as "POST https://robot.example/api/experiments"
    status: int
    document: Mapping[str, Any]

    def read(self, model: type[Wanted]) -> Wanted:
        """The document as one of the contract's.

        Raises:
            AdapterUnavailable: It is none.
        """
        try:
            return model.model_validate(self.document)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            kept = "the laboratory must keep the contract in openapi.yaml"
            way_out = f"check the url; where it is right, {kept}" if self.status == 404 else kept
            raise AdapterUnavailable(
                f"{self.asked} answered {self.status} with no {model.__name__} document "
                f"({where}: {first['msg']}); {way_out}"
            ) from None

    def is_one(self, model: type[Document]) -> bool:
        """Whether the document is one of that kind."""
        try:
            model.model_validate(self.document)
        except ValidationError:
            return False
        return True


class Wire:
    """The way to one laboratory. Connections are made when they are needed; any number of threads may ask."""

    def __init__(self, options: HttpOptions, base: str = ".") -> None:
        self._options, self._base = options, base
        self._url = options.url.rstrip("/")
        self._client: httpx.Client | None = None

    def get(self, path: str, query: Mapping[str, str] | None = None, *, wait: float = 0.0) -> Reply:
        """Ask for a document; raises ``AdapterUnavailable``. A reply may take ``wait`` seconds more than usual."""
        return self._ask("GET", path, wait=wait, params=dict(query or {}))

    def post(self, path: str, document: Document, key: str) -> Reply:
        """Send a document under a key; raises ``AdapterUnavailable``, after which nobody knows whether it arrived."""
        headers = {"Content-Type": "application/json", KEY_HEADER: key}
        return self._ask("POST", path, content=document.model_dump_json().encode(), headers=headers)

    def _ask(self, method: str, path: str, *, wait: float = 0.0, **request: Any) -> Reply:
        import httpx  # 0.1 s: only where a laboratory is asked

        url = self._url + path
        asked = f"{method} {url}"
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **request.pop("headers", {})}
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {secret(self._options.token)}"
        limit = self._options.timeout + wait
        until = time.monotonic() + limit
        try:
            with self._open().stream(method, url, headers=headers, timeout=limit, **request) as response:
                body = self._read(response, asked, until)
                return _reply(asked, response, body)
        except httpx.TimeoutException as error:
            raise AdapterUnavailable(
                f"{asked} was not answered within {limit:g} s ({type(error).__name__}); look whether it works"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AdapterUnavailable(f"{asked} failed ({_plain(error)}); {_remedy(error)}") from None

    def _open(self) -> httpx.Client:
        import httpx

        if self._client is None:
            client = httpx.Client(
                verify=self._trust(),
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(keepalive_expiry=_IDLE),
            )
            weakref.finalize(self, client.close)
            self._client = client
        return self._client

    def _trust(self) -> Any:
        """The certificates that are believed: the usual ones, or those that the campaign file names."""
        import ssl

        if self._options.ca is None:
            return True
        path = Path(self._base) / Path(self._options.ca).expanduser()
        try:
            return ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError) as error:
            raise AdapterUnavailable(f"ca: {path} cannot be read as certificates ({error}); give a PEM file") from None

    def _read(self, response: httpx.Response, asked: str, until: float) -> bytes:
        """The body, as far as it is small and quick enough."""
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise AdapterUnavailable(f"{asked} answered compressed ({coding}), which was not asked for; turn that off")
        largest = self._options.largest_reply * _MIB
        parts, size = [], 0
        for part in response.iter_raw():
            parts.append(part)
            size += len(part)
            if size > largest:
                raise AdapterUnavailable(
                    f"{asked} answered with more than {self._options.largest_reply:g} MiB; keep raw data elsewhere, or "
                    "raise largest_reply"
                )
            if time.monotonic() > until:
                raise AdapterUnavailable(f"{asked} was not answered whole in time; look whether it works")
        return b"".join(parts)


def _reply(asked: str, response: httpx.Response, body: bytes) -> Reply:
    status = response.status_code
    if 300 <= status < 400:
        where = response.headers.get("location", "an address that it does not give")
        raise AdapterUnavailable(
            f"{asked} was redirected ({status}) to {where[:200]!r}, and is not followed: a token must not go astray; "
            "where that is right, give this address as url"
        )
    if status in (401, 403):
        raise AdapterUnavailable(f"{asked} was refused ({status}); check the secret that token: $NAME refers to")
    if status not in _ANSWERS:
        if status != 429 and status < 500:
            way_out = "no answer of the contract in openapi.yaml; check the url, and the laboratory's log"
            raise AdapterUnavailable(f"{asked} answered {status}, {way_out}")
        what = "has too much to do" if status in (429, 503) else "failed"
        raise AdapterUnavailable(f"{asked} answered {status}: the laboratory {what}; asked again later")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise AdapterUnavailable(
            f"{asked} answered {status} as {kind or 'nothing that it names'}, not application/json; check the url: "
            "something else may answer there"
        )
    try:
        document = json.loads(body, object_pairs_hook=named_once)
    except (ValueError, RecursionError) as error:
        raise AdapterUnavailable(f"{asked} answered {status} with something that is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise AdapterUnavailable(f"{asked} answered {status} with JSON that is not an object; check the url")
    return Reply(asked, status, document)


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _remedy(error: Exception) -> str:
    if "CERTIFICATE" in str(error):
        return "give the certificate of its authority as ca: FILE; certificates are always checked"
    return "check the url, the network and the laboratory"
