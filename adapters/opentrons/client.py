"""The robot's HTTP API, as far as it is used: protocols, analyses, runs and actions.

Source: Opentrons' robot-server 8.x (its OpenAPI at ``/openapi``, port 31950). Whatever does not answer is
``AdapterUnavailable``; what the robot refuses is a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from adapters.errors import AdapterUnavailable
from adapters.plates.machine import Refused, RunState

if TYPE_CHECKING:
    import httpx

OFF: Final = {  # what turns a module off, by its type
    "heaterShakerModuleType": ("heaterShaker/deactivateShaker", "heaterShaker/deactivateHeater"),
    "temperatureModuleType": ("temperatureModule/deactivate",),
}
PORT: Final = 31950
PAGE: Final = 1000  # commands asked for at once
VERSION: Final = {"Opentrons-Version": "*"}


class Robot:
    """One robot, a ``Machine``. Every method is one request, or asks again only what changes nothing."""

    def __init__(
        self,
        url: str,
        timeout: float,
        transport: httpx.BaseTransport | None = None,
        offsets: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """``offsets``: of labware, as a run of the robot tells them; every run that is created gets them."""
        self.url, self._timeout, self._transport = url.rstrip("/"), timeout, transport
        self._offsets = list(offsets)
        self._client: httpx.Client | None = None

    def health(self) -> Mapping[str, Any]:
        return self._ask("GET", "/health")

    def tell(self, path: str) -> Mapping[str, Any]:
        """What it answers to a look, whole."""
        return self._ask("GET", path)

    def protocols(self, key: str) -> tuple[str, ...]:
        """Ids of the protocols uploaded under a key, oldest first."""
        return tuple(str(p["id"]) for p in self._data("GET", "/protocols") if p.get("key") == key)

    def upload(self, text: str, key: str) -> str:
        """Upload a protocol and return its id; the same text again gives the same id."""
        files = {"files": (f"{key}.py", text.encode("utf-8"), "text/x-python")}
        return str(self._data("POST", "/protocols", files=files, data={"key": key})["id"])

    def analysis(self, protocol: str) -> Mapping[str, Any]:
        """The last analysis of a protocol: ``status`` pending or completed, then ``result`` and ``errors``.

        The whole of it is asked for only when it is there: of a full plate it is megabytes.
        """
        summaries = self._data("GET", f"/protocols/{protocol}").get("analysisSummaries") or ()
        if not summaries or summaries[-1].get("status") != "completed":
            return {"status": "pending"}
        made: Sequence[Mapping[str, Any]] = self._data("GET", f"/protocols/{protocol}/analyses")
        return made[-1] if made else {"status": "pending"}

    def runs_of(self, protocols: Sequence[str]) -> tuple[RunState, ...]:
        """The runs of some protocols that the robot still knows, oldest first."""
        listed = self._data("GET", "/runs")
        return tuple(
            found for r in listed if r.get("protocolId") in protocols and (found := self.run(str(r["id"]))) is not None
        )

    def run(self, id_: str) -> RunState | None:
        """A run; None where the robot does not know it, or knows it no more."""
        try:
            return _read(self._data("GET", f"/runs/{id_}"))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def create(self, protocol: str) -> RunState:
        """A run of a protocol, which moves nothing. Raises ``Refused`` while another one is active."""
        asked = {"protocolId": protocol, "labwareOffsets": self._offsets}
        return _read(self._data("POST", "/runs", json={"data": asked}))

    def act(self, run: str, action: str) -> None:
        """``play``, ``pause`` or ``stop``. Raises ``Refused`` where that cannot be."""
        self._data("POST", f"/runs/{run}/actions", json={"data": {"actionType": action}})

    def has_drawn(self, run: str) -> bool:
        """Whether a run drew any liquid, or may have: its commands tell.

        Source: robot-server's ``/runs/RUN/commands``; a command that failed may have been half done.
        """
        seen = 0
        while True:
            answer = self._ask("GET", f"/runs/{run}/commands?cursor={seen}&pageLength={PAGE}")
            commands = answer.get("data") or ()
            if any("aspirate" in str(c.get("commandType")).lower() and c.get("status") != "queued" for c in commands):
                return True
            seen += len(commands)
            if not commands or seen >= int((answer.get("meta") or {}).get("totalLength", seen)):
                return not seen  # a run without a single command is one whose record is gone

    def switch_off(self) -> None:
        """Turn off every heater and shaker at the robot. Raises ``Refused`` while a run is active.

        Source: robot-server's ``/modules`` and its commands outside of runs, ``/commands``, which Opentrons' app uses.
        """
        for module in self._data("GET", "/modules"):
            for command in OFF.get(str(module.get("moduleType")), ()):
                asked = {"commandType": command, "params": {"moduleId": module["id"]}, "intent": "setup"}
                done = self._data("POST", "/commands?waitUntilComplete=true", json={"data": asked})
                if done.get("status") == "failed":
                    raise Refused(409, "CommandFailed", str((done.get("error") or {}).get("detail", command)))

    def archive(self, run: str) -> None:
        """Let a run that has ended be current no more, which writes its record to the robot's disk."""
        self._data("PATCH", f"/runs/{run}", json={"data": {"current": False}})

    def delete(self, run: str) -> None:
        self._ask("DELETE", f"/runs/{run}")

    def _data(self, method: str, path: str, **more: Any) -> Any:
        answer = self._ask(method, path, **more)
        if "data" not in answer:
            raise AdapterUnavailable(f"{self.url}{path} answers what is no answer of a robot; check the address")
        return answer["data"]

    def _ask(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        import httpx  # 0.1 s: only where a robot is asked

        if self._client is None:
            self._client = httpx.Client(
                base_url=self.url, headers=VERSION, timeout=self._timeout, transport=self._transport, trust_env=False
            )
        try:
            answer = self._client.request(method, path, **more)
            said = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise AdapterUnavailable(
                f"robot {self.url} gave no answer to {method} {path} ({type(error).__name__}: {error}); "
                f"see that it is on and that the address is right{self._without_port()}"
            ) from None
        if answer.status_code >= 500:
            raise AdapterUnavailable(
                f"robot {self.url} failed at {method} {path} ({answer.status_code}); look at its log"
            )
        if answer.status_code >= 400:
            first = (said.get("errors") or [{}])[0] if isinstance(said, dict) else {}
            raise Refused(answer.status_code, str(first.get("id", "refused")), str(first.get("detail", "")))
        if not isinstance(said, dict):
            raise AdapterUnavailable(f"{self.url}{path} answers what is no answer of a robot; check the address")
        return said

    def _without_port(self) -> str:
        has_port = re.search(r":\d+(/|$)", self.url) is not None
        return "" if has_port else f": it has no port, and a robot's is {PORT} ({self.url}:{PORT})"


def _read(said: Mapping[str, Any]) -> RunState:
    actions = said.get("actions")
    return RunState(
        id=str(said["id"]),
        protocol=str(said.get("protocolId")),
        status=str(said.get("status")),
        is_current=bool(said.get("current")),
        was_played=None if actions is None else any(a.get("actionType") == "play" for a in actions),
        is_whole=said.get("ok", True) is not False,
        errors=tuple(str(e.get("detail", e)) for e in said.get("errors") or ()),
        raw=dict(said),
    )
