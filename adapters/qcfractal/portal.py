"""What is said to a QCFractal server: a dataset of its own, entries by key, their records, and what became of them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, TypeVar

from adapters.errors import AdapterUnavailable
from adapters.qcfractal.connecting import connected, meaning, refusal, versions
from adapters.qcfractal.options import REMEDY, QcfractalOptions

T = TypeVar("T")

_REST: Final = 5.0  # seconds until a server that gave no answer is asked again
_SHARE: Final = 500  # records asked for at once; servers allow 1,000 unless they are told otherwise


class Portal:
    """One dataset of one server, with one specification: what the laboratory's options say.

    Everything may be asked again without danger. Whatever the server does not answer is ``AdapterUnavailable``.
    """

    def __init__(self, settings: QcfractalOptions, dataset: str) -> None:
        self._settings, self._name = settings, dataset
        self.kind = "optimization" if settings.optimise else "singlepoint"
        self.specification = _specification(settings)
        self.label = _label(settings, self.specification)
        self._client: Any = None
        self._place: str | None = None
        self._error, self._not_before = "", 0.0

    def entry(self, name: str) -> Mapping[str, Any] | None:
        """The attributes of an entry; None where there is none of that name."""

        def fetch(client: Any) -> Mapping[str, Any] | None:
            found = self._of_dataset(client, "post", "entries/bulkFetch", {"names": [name], "missing_ok": True})
            return dict(found[name].get("attributes") or {}) if found and name in found else None

        return self._ask(fetch)

    def enter(self, name: str, molecule: Mapping[str, Any], attributes: Mapping[str, Any], comment: str) -> None:
        """Make the entry unless there is one of that name."""
        of = "initial_molecule" if self.kind == "optimization" else "molecule"
        new = {"name": name, of: dict(molecule), "attributes": dict(attributes), "comment": comment}
        level = {"name": self.label, "specification": self.specification}

        def make(client: Any) -> None:
            self._of_dataset(client, "post", "specifications", [level], makes=True)
            self._of_dataset(client, "post", "entries/bulkCreate", [new])

        self._ask(make)

    def submit(self, name: str, *, reuse: bool) -> None:
        """Make the record of an entry unless it has one; see Note [One record]."""
        body = {
            "entry_names": [name],
            "specification_names": [self.label],
            "compute_tag": self._settings.tag,
            "compute_priority": self._settings.priority,
            "find_existing": reuse,
        }
        self._ask(lambda client: self._of_dataset(client, "post", "submit", body))

    def record(self, name: str) -> int | None:
        """The id of an entry's record; None where it has none."""
        body = {"entry_names": [name], "specification_names": [self.label]}
        found = self._ask(lambda client: self._of_dataset(client, "post", "records/bulkFetch", body))
        return None if not found else int(found[0][2])

    def cancel(self, name: str) -> None:
        """Call the record of an entry off, unless it is complete."""
        body = {
            "entry_names": [name],
            "specification_names": [self.label],
            "status": "cancelled",
            "status_filter": ["waiting", "running"],
        }
        self._ask(lambda client: self._of_dataset(client, "patch", "records", body))

    def states(self, records: Iterable[int]) -> Mapping[int, str | None]:
        """What became of each record, in one request for many; None for one that the server does not have."""
        ids = sorted(records)

        def fetch(client: Any) -> dict[int, str | None]:
            states: dict[int, str | None] = dict.fromkeys(ids)
            share = _share(client)
            for begin in range(0, len(ids), share):
                some = ids[begin : begin + share]
                body = {"ids": some, "include": ["id", "status"], "missing_ok": True}
                found = client.make_request("post", "api/v1/records/bulkGet", list[Any], body=body)
                states |= {int(one["id"]): str(one["status"]) for one in found if one is not None}
            return states

        return self._ask(fetch)

    def full(self, record: int) -> Any:
        """A record with all that belongs to it; what is not there yet is fetched when it is looked at."""
        return self._ask(lambda client: client.get_records(record, missing_ok=True))

    def looked_at(self, look: Callable[[], T]) -> T:
        """What ``look`` finds on a record, which may ask the server for more."""
        return self._ask(lambda _: look())

    def is_known(self, name: str) -> bool:
        """Whether there are records of just this calculation, and all of them are complete.

        Where there are several the server takes any: one that failed or waits would do for a complete one.
        """

        def fetch(client: Any) -> bool:
            body = {"names": [name], "missing_ok": True}
            entry = self._of_dataset(client, "post", "entries/bulkFetch", body)[name]
            optimised = self.kind == "optimization"
            molecule, said = (entry["initial_molecule"], "qc_") if optimised else (entry["molecule"], "")
            asked = {
                f"{said}program": [self._settings.program],
                f"{said}method": [self._settings.method],
                f"{'initial_' if optimised else ''}molecule_id": [molecule["id"]],
            }
            found = client.get_records(self._sought(client, asked))
            same = [one.status.value for one in found if self._is_same(one)]
            return bool(same) and set(same) == {"complete"}

        return self._ask(fetch)

    def is_of(self, record: Any, molecule: Mapping[str, Any]) -> bool:
        """Whether a record is of just this calculation of a molecule."""

        def look(_: Any) -> bool:
            there = record.initial_molecule if self.kind == "optimization" else record.molecule
            if not self._is_same(record) or list(there.symbols) != molecule["symbols"]:
                return False
            geometry = [float(at) for place in there.geometry for at in place]
            apart = (abs(a - b) for a, b in zip(geometry, molecule["geometry"], strict=True))
            return bool(max(apart) < 1e-6)  # bohr; both are rounded to 1e-8

        return self._ask(look)

    def managers(self) -> Sequence[str]:
        """The names of active managers that can take the records up."""
        programs: dict[str, list[str]] = {self._settings.program.lower(): []}
        if self._settings.optimise:
            programs["geometric"] = []
        taken = {self._settings.tag.lower(), "*"}

        def fetch(client: Any) -> list[str]:
            # Where it is asked for the tag *, the server leaves tags out of account.
            names = {name for tag in taken for name in client.query_active_managers([tag], programs)}
            found = client.get_managers(sorted(names)) if names else []
            return [one.name for one in found if taken & set(one.compute_tags)]

        return self._ask(fetch)

    def versions(self) -> tuple[str, str]:
        """Of qcportal here, and of the server."""
        return self._ask(versions)

    def role(self) -> str | None:
        """The role of our login; None where the server does not say."""
        told = self._ask(lambda client: client.make_request("get", "api/v1/ping", dict[str, Any]))
        return (told.get("user_info") or {}).get("role")

    def _sought(self, client: Any, asked: Mapping[str, Any]) -> list[int]:
        """Ids of records, newest first; the client's own query says words that older servers refuse."""
        ids: list[int] = []
        share = _share(client)
        while True:
            body = {**asked, "limit": share, **({"cursor": ids[-1]} if ids else {})}
            page = client.make_request("post", f"api/v1/records/{self.kind}/query", list[int], body=body)
            ids += page
            if len(page) < share:
                return ids

    def _is_same(self, record: Any) -> bool:
        return bool(_plain(record.specification) == _plain(self._model()))

    def _model(self) -> Any:
        if self.kind == "optimization":
            return import_module("qcportal.optimization").OptimizationSpecification(**self.specification)
        return import_module("qcportal.singlepoint").QCSpecification(**self.specification)

    def _of_dataset(self, client: Any, method: str, what: str, body: Any, *, makes: bool = False) -> Any:
        """The answer about the dataset; None where there is none, unless that ``makes`` it."""
        place = self._dataset(client, makes)
        return None if place is None else client.make_request(method, f"{place}/{what}", Any, body=body)

    def _dataset(self, client: Any, makes: bool) -> str | None:
        """Where the dataset is, with the specification if it ``makes`` it; None where there is none."""
        if self._place is None:
            if makes:
                return self._made(client)
            there = [one for one in client.list_datasets() if self._is_ours(one)]
            if not there:
                return None
            self._place = f"api/v1/datasets/{self.kind}/{there[0]['id']}"
        return self._place

    def _is_ours(self, dataset: Mapping[str, Any]) -> bool:
        return (dataset["dataset_type"], dataset["dataset_name"].lower()) == (self.kind, self._name.lower())

    def _made(self, client: Any) -> str:
        body = {
            "name": self._name,
            "description": "Calculations that hakken asked for; an entry for each attempt, by its key",
            "tagline": "",
            "tags": ["hakken"],
            "provenance": {},
            "default_compute_tag": self._settings.tag,
            "default_compute_priority": self._settings.priority,
            "extras": {},
            "existing_ok": True,
        }
        number = client.make_request("post", f"api/v1/datasets/{self.kind}", int, body=body)
        self._place = f"api/v1/datasets/{self.kind}/{number}"
        return self._place

    def _ask(self, question: Callable[[Any], T]) -> T:
        """The server's answer; raises ``AdapterUnavailable`` at once where it gave none a moment ago."""
        if time.monotonic() < self._not_before:
            raise AdapterUnavailable(self._error)
        try:
            if self._client is None:
                self._client = connected(self._settings)
            return question(self._client)
        except ImportError:
            raise AdapterUnavailable(f"the laboratory needs the package qcportal; {REMEDY}") from None
        except AdapterUnavailable as error:
            if self._client is None:
                self._rest(str(error))
            raise
        except Exception as error:
            if (said := meaning(error, self._settings)) is not None:
                self._rest(said)
                raise AdapterUnavailable(said) from None
            if type(error).__name__ == "PortalRequestError":
                self._place = None  # somebody may have deleted the dataset
                raise AdapterUnavailable(refusal(error, self._settings, self._client)) from None
            raise

    def _rest(self, said: str) -> None:
        """Ask no more for a while, and connect anew then."""
        self._client, self._error, self._not_before = None, said, time.monotonic() + _REST


def _share(client: Any) -> int:
    return min(_SHARE, int(client.api_limits.get("get_records", _SHARE)))


def _specification(settings: QcfractalOptions) -> dict[str, Any]:
    single = {
        "program": settings.program.lower(),
        "driver": "deferred" if settings.optimise else settings.driver,
        "method": settings.method.lower(),
        "basis": None if settings.basis is None else settings.basis.lower(),
        "keywords": dict(settings.keywords),
    }
    return {"program": "geometric", "qc_specification": single} if settings.optimise else single


def _label(settings: QcfractalOptions, specification: Mapping[str, Any]) -> str:
    """A name for the specification that no other has: datasets know specifications by name alone."""
    told = json.dumps(specification, sort_keys=True, default=str)
    level = settings.method if settings.basis is None else f"{settings.method}/{settings.basis}"
    return f"{level} {settings.program} {hashlib.sha256(told.encode()).hexdigest()[:8]}".lower()


def _plain(model: Any) -> Any:
    return json.loads(model.model_dump_json())
