"""An orchestrator that asks hakken for experiments and tells what came of them, in the standard library alone.

    hakken serve examples/orchestrator/campaign.yaml     # in one terminal
    python -m examples.orchestrator                      # in another; as many of them as there are robots

Kill either of the two at any moment and start it again: whatever was asked or told and not answered is sent again, and
nothing is done twice. Replace ``carry_out`` by what your robot does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

PATIENT = 3600.0  # seconds to wait for a service that is away
AGAIN = 0.5  # seconds between two tries
FOR_NOW = (408, 429, 500, 502, 503, 504)  # statuses that pass: it is busy or away, or a proxy before it has lost it


def carry_out(experiment: dict[str, Any]) -> dict[str, Any]:
    """What the robot does: here a made-up reaction, which sometimes gives nothing."""
    said = experiment["settings"]
    best = {"XPhos": 1.0, "SPhos": 0.9, "dppf": 0.6, "PPh3": 0.3}[said["ligand"]]
    hot = math.exp(-(((said["temperature"] - 85) / 30) ** 2))
    value = 96 * best * hot * (1.0 if said["base"] == "K3PO4" else 0.7)
    if value < 2:
        return {"outcome": "negative", "reason": "no conversion"}
    return {"outcome": "measured", "values": [{"property": "yield", "value": round(value, 1), "unit": "%"}]}


class Service:
    """hakken at an address."""

    def __init__(self, url: str, campaign: str, token: str = "") -> None:
        self._url, self._token = f"{url}/api/campaigns/{urllib.parse.quote(campaign)}", token

    def ask(self, request: str, experiments: int) -> dict[str, Any]:
        """The experiments of a request; the same request again gets the same."""
        return self._post("/ask", {"experiments": experiments}, request)

    def tell(self, key: str, result: dict[str, Any]) -> dict[str, Any]:
        """What became of a result: its verdict says whether it counts, and its message why it does not."""
        return self._post(f"/experiments/{key}/result", result)

    def _post(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers)
        until = time.monotonic() + PATIENT
        while True:
            try:
                with urllib.request.urlopen(request, timeout=600) as answer:
                    said: dict[str, Any] = json.load(answer)
                    return said
            except urllib.error.HTTPError as error:
                said = _read(error)
                if said.get("verdict", "malformed") != "malformed":  # which is a fault of this program's
                    return said
                if error.code not in FOR_NOW or time.monotonic() > until:
                    raise SystemExit(f"{path}: {said.get('message', error)}") from None
            except (OSError, ValueError, http.client.HTTPException) as error:  # nobody is there, or no more
                if time.monotonic() > until:
                    raise SystemExit(f"{self._url} cannot be reached: {error}") from None
            time.sleep(AGAIN)


def work(service: Service, notebook: Path, at_once: int) -> int:
    """Ask, carry out and tell until nothing more is to come; returns how many results this robot told.

    ``notebook`` holds the request that is under way and what came of its experiments, so that a robot that was killed
    does not carry them out again.
    """
    done = 0
    while True:
        note = json.loads(notebook.read_text()) if notebook.exists() else {"request": str(uuid.uuid4()), "results": {}}
        _write(notebook, note)  # before it is asked: after a crash the same request is made again
        answer = service.ask(note["request"], at_once)
        for experiment in answer["experiments"]:
            if experiment["key"] not in note["results"]:
                note["results"][experiment["key"]] = carry_out(experiment)
                _write(notebook, note)  # before it is told
            told = service.tell(experiment["key"], note["results"][experiment["key"]])
            done += told["verdict"] == "accepted"
            print(f"{experiment['settings']}: {told['verdict']} {told['message']}".rstrip(), flush=True)
        notebook.unlink()
        if answer["state"] != "active":
            print(answer["next_step"], flush=True)
            return done
        if not answer["experiments"]:
            time.sleep(AGAIN)  # others carry out the rest of this batch


def _read(answer: urllib.error.HTTPError) -> dict[str, Any]:
    """What an answer says; nothing where it is not of hakken, but of a proxy before it."""
    try:
        said = json.load(answer)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _write(path: Path, said: dict[str, Any]) -> None:
    """Whole, or not at all."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(said))
    os.replace(beside, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8767", help="where hakken serve listens")
    parser.add_argument("--campaign", default="suzuki", help="which campaign is worked for")
    parser.add_argument("--at-once", type=int, default=2, help="experiments that this robot takes at once")
    parser.add_argument("--notebook", type=Path, default=Path("orchestrator.json"), help="one file for each robot")
    asked = parser.parse_args()
    service = Service(asked.url, asked.campaign, os.environ.get("HAKKEN_TOKEN", ""))
    print(f"{work(service, asked.notebook, asked.at_once)} results told", flush=True)


if __name__ == "__main__":
    main()
