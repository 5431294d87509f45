"""Orchestrators that ask and tell over HTTP while the service is killed, answers get lost and robots forget.

A campaign of ``ask_tell`` over 1,000 conditions, served by ``hakken serve``; robots ask for one or two experiments at
a time, carry them out (some milliseconds) and tell. Each loses some answers on the way, to asks and to tells, and sends
the same again; some experiments are given back. The service is killed with SIGKILL at random moments and started anew.
From the robots' own log: experiments carried out twice, results that the record lacks or has twice, and how long an ask
and a tell took where the service was there (the first ask after a start, which loads what plans, included).

    python benchmarks/asking.py --robots 6 --experiments 240 --kills 12
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from harness import Mark, finish

from db.ledger import open_ledger

CAMPAIGN = """\
campaign: asked
space:
  ligand: {{type: category, options: [L1, L2, L3, L4, L5, L6, L7, L8, L9, L10]}}
  base: {{type: category, options: [B1, B2, B3, B4, B5, B6, B7, B8, B9, B10]}}
  temperature: {{type: number, values: [30, 40, 50, 60, 70, 80, 90, 100, 110, 120], unit: degC}}
objective: {{yield: {{goal: maximize, unit: "%", low: 0, high: 100}}}}
laboratory: {{adapter: ask_tell}}
planner: {{batch: {batch}, initial: {{experiments: 5}}, mode: rolling, surrogate: {surrogate}, seed: {seed}}}
budget: {{experiments: {experiments}}}
"""
LOST = 0.15  # share of answers that a robot loses on the way
GIVEN_BACK = 0.05  # share of experiments that it gives back once
PAUSE = 0.2  # seconds until the same is sent again


@dataclass
class Log:
    """What the robots did, shared by all of them."""

    ran: Counter[str] = field(default_factory=Counter)
    asks: list[float] = field(default_factory=list)
    tells: list[float] = field(default_factory=list)
    sent_again: int = 0
    given_back: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Robot:
    """Asks, carries out and tells until the campaign is over."""

    def __init__(self, name: str, url: str, log: Log, seed: int) -> None:
        self.name, self._url, self._log, self._lot = name, f"{url}/api/campaigns/asked", log, random.Random(seed)

    def work(self) -> None:
        """One request after the other."""
        for number in range(100_000):
            answer = self._post(
                "/ask", {"experiments": self._lot.randint(1, 2)}, self._log.asks, f"{self.name}-{number}"
            )
            for one in answer["experiments"]:
                if self._lot.random() < GIVEN_BACK:
                    self._post(f"/experiments/{one['key']}/give-back", {"request": one["request"]}, [])
                    with self._log.lock:
                        self._log.given_back += 1
                    continue
                time.sleep(self._lot.uniform(0.005, 0.05))
                with self._log.lock:
                    self._log.ran[one["key"]] += 1
                value = 100 * self._lot.random()
                result = {"outcome": "measured", "values": [{"property": "yield", "value": value}]}
                self._post(f"/experiments/{one['key']}/result", result, self._log.tells)
            if answer["state"] != "active":
                return
            if not answer["experiments"]:
                time.sleep(PAUSE)

    def _post(self, path: str, body: dict[str, Any], times: list[float], request: str = "") -> dict[str, Any]:
        """The answer, asked for again until it came and was not lost."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": request} if request else {})
        while True:
            begun = time.monotonic()
            try:
                asked = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers)
                with urllib.request.urlopen(asked, timeout=300) as answer:
                    said: dict[str, Any] = json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
            except (OSError, ValueError):
                pass
            else:
                with self._log.lock:
                    times.append(time.monotonic() - begun)
                if self._lot.random() >= LOST:
                    return said
            with self._log.lock:
                self._log.sent_again += 1
            time.sleep(PAUSE)


class Service:
    """``hakken serve`` in a process of its own."""

    def __init__(self, folder: Path, campaign: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._words = [sys.executable, "-m", "flows.cli", "serve", str(campaign), "--port", str(port)]
        self._environ = {**os.environ, "HAKKEN_HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._words, env=self._environ, stdout=subprocess.DEVNULL)
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)

    def kill(self) -> None:
        """As a loss of power would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def play(asked: argparse.Namespace, folder: Path) -> tuple[Log, int, float]:
    """The whole campaign; returns the robots' log, how often the service was killed, and the seconds that it took."""
    campaign = folder / "campaign.yaml"
    campaign.write_text(
        CAMPAIGN.format(
            batch=2 * asked.robots, surrogate=asked.surrogate, seed=asked.seed, experiments=asked.experiments
        )
    )
    service, log, lot = Service(folder / "runs", campaign), Log(), random.Random(asked.seed)
    service.start()
    robots = [Robot(f"robot-{n}", service.url, log, asked.seed * 1000 + n) for n in range(asked.robots)]
    threads = [threading.Thread(target=robot.work) for robot in robots]
    moments = sorted(lot.sample(range(asked.experiments), asked.kills))  # after so many experiments
    begun, kills = time.monotonic(), 0
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(lot.uniform(0.0, 0.3))
        if kills < len(moments) and len(log.ran) >= moments[kills]:
            service.kill()
            service.start()
            kills += 1
            print(f"killed {kills} times; {len(log.ran)} experiments carried out", file=sys.stderr)
    took = time.monotonic() - begun
    service.kill()
    return log, kills, took


def wrong(ran: Counter[str], counted: Counter[str]) -> tuple[int, int]:
    """How many runs were one too many, and how many results are missing or one too many.

    Args:
        ran: How often each experiment was carried out, by its key.
        counted: How many results of it the record has.
    """
    doubled = sum(n - 1 for n in ran.values())
    return doubled, sum(key not in counted for key in ran) + sum(n - 1 for n in counted.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robots", type=int, default=6)
    parser.add_argument("--experiments", type=int, default=240, help="the campaign's budget")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--surrogate", default="random", help="what plans; committee for the default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log, kills, took = play(asked, Path(folder))
        with open_ledger(f"sqlite:///{folder}/runs/hakken.db") as ledger:
            counted = Counter(o.key for o in ledger.observations("asked") if o.key is not None)
            is_intact = ledger.verify_audit().is_intact
    doubled, lost = wrong(log.ran, counted)
    print(
        f"{len(log.ran)} experiments by {asked.robots} robots in {took:.0f} s, {kills} kills of the service, "
        f"{log.sent_again} requests sent again, {log.given_back} given back; the audit chain is "
        f"{'intact' if is_intact else 'BROKEN'}"
    )
    for what, times in (("ask", log.asks), ("tell", log.tells)):
        print(f"{what}: {np.median(times):.3f} s, 95 % within {np.quantile(times, 0.95):.3f} s, of {len(times)}")
    marks = [
        Mark("experiments carried out twice", doubled, 0, at_most=True),
        Mark("results lost or counted twice", lost, 0, at_most=True),
        Mark("experiments that count, of the budget", len(counted) / asked.experiments, 1),
    ]
    figures = {"kills": kills, "sent_again": log.sent_again, "asks": log.asks, "tells": log.tells}
    return finish(marks, asked, figures)


if __name__ == "__main__":
    sys.exit(main())
