"""Fields: what an answer says of commands and their options, said of requests and their fields."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

_NAME: Final = r"(?P<name>'[^']*'|[^\s;,()']*[^\s;,()'.:])"  # and no full stop behind it
# A clause; a command that no request stands for is typed where this is served, and stays as it is.
_CLAUSE: Final = re.compile(r"[^;:,()]+[;:,()]*")
_SAID: Final = (
    (re.compile(r"\bwith (?=--)"), "as "),
    (re.compile(r"--by NAME "), ""),  # the token says who it is
    (re.compile(r"--why REASON\b"), '"why": "REASON"'),
    (re.compile(r"--where ([^\s=]+=[^\s;,()]+)"), r'"where": ["\1"]'),
    (re.compile(r"--again\b"), '"again": true'),
    (re.compile(r"--refuse\b"), '"verdict": "refuse"'),
    (re.compile(r"--(why|where|meaning)\b"), r'"\1"'),
)


def as_requests(message: str) -> str:
    """The message with requests where it names commands that one stands for, and with fields where it names options.

    ``hakken decisions small lists them`` is ``GET /api/campaigns/small/decisions lists them``, and ``give it with
    --why`` is ``give it as "why"``.
    """
    for command, request in _REQUESTS:
        message = command.sub(request, message)
    return _CLAUSE.sub(lambda clause: clause[0] if "hakken " in clause[0] else _renamed(clause[0]), message)


def _renamed(clause: str) -> str:
    for option, field in _SAID:
        clause = option.sub(field, clause)
    return clause


def _get(path: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"GET {_campaign(found)}{found.expand(path)}"


def _decision(kind: str) -> Callable[[re.Match[str]], str]:
    def request(found: re.Match[str]) -> str:
        number = found.groupdict().get("number")
        return _post(found, "/decisions", {"kind": kind} | ({"number": int(number)} if number else {}))

    return request


def _approval(found: re.Match[str]) -> str:
    only = [int(n) for n in found["only"].split()]
    verdict = {"verdict": "approve"} | ({"only": only} if only else {})
    return _post(found, f"/rounds/{found['round']}/verdict", verdict)


def _resumption(found: re.Match[str]) -> str:
    stops = [n for low, high in re.findall(r"--stop (\d+)(?:-(\d+))?", found["stops"]) for n in _run(low, high)]
    return _post(found, "/resume", ({"stops": stops} if stops else {}) | {"why": "REASON"})


def _run(low: str, high: str) -> range:
    return range(int(low), int(high or low) + 1)


def _post(found: re.Match[str], path: str, said: dict[str, Any]) -> str:
    return f"POST {_campaign(found)}{path} {json.dumps(said)}"


def _campaign(found: re.Match[str]) -> str:
    return f"/api/campaigns/{quote(shlex.split(found['name'])[0], safe='')}"


_REQUESTS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = tuple(
    (re.compile(rf"\bhakken {command}"), request)
    for command, request in (
        (rf"export {_NAME} \S+ --waiting writes", _get("/experiments lists")),
        (rf"status {_NAME}", _get("")),
        (rf"best {_NAME}", _get("/best")),
        (rf"decisions {_NAME}", _get("/decisions")),
        (rf"show {_NAME} (?P<round>\d+)", _get(r"/rounds/\g<round>")),
        (rf"lift {_NAME} (?P<number>\d+)", _decision("lift")),
        (rf"pin {_NAME}", _decision("pin")),
        (rf"ban {_NAME}", _decision("ban")),
        (rf"approve {_NAME} (?P<round>\d+)(?P<only>(?: \d+)*)", _approval),
        (rf"resume {_NAME}(?P<stops>(?: --stop [\d-]+)*) --by NAME --why REASON", _resumption),
        (rf"resume {_NAME}(?P<stops>)(?= takes it up|\.|$)", _resumption),
        (rf"(?:serve, or hakken )?ask {_NAME}", lambda found: f'POST {_campaign(found)}/ask {{"experiments": 1}}'),
        (rf"tell {_NAME}(?!\S* \S+\.csv)", lambda found: f"POST {_campaign(found)}/experiments/KEY/result"),
    )
)
