"""Work: one thread carries experiments out, another sends messages until they were taken."""

from __future__ import annotations

import threading

from .bench import Bench
from .crash import reached
from .signing import signed
from .store import Store

RETRIES = (1.0, 5.0, 30.0, 120.0)  # seconds between two tries at a message; the last one goes on


class Worker:
    """The queue and the bench. What was running when the process was killed is settled first."""

    def __init__(self, store: Store, bench: Bench) -> None:
        self._store, self._bench = store, bench
        self.something_new, self.over = threading.Event(), threading.Event()
        for found in store.in_state("running"):
            match bench.last(found["key"]):
                case None:  # the bench never heard of it
                    store.move(found["key"], "running", "waiting")
                case "begun":
                    detail = "the laboratory was cut off while the bench was at it"
                    store.move(found["key"], "running", "doubtful", detail)
                case outcome:
                    store.end(found["key"], "running", outcome)

    def run(self) -> None:
        while not self.over.is_set():
            waiting = self._store.in_state("waiting")
            if not waiting:
                self.something_new.wait(1.0)
                self.something_new.clear()
            for found in waiting:
                if self.over.is_set() or not self._store.move(found["key"], "waiting", "running"):
                    continue  # cancelled meanwhile
                reached("run.running")
                try:
                    outcome = self._bench.carry_out(found["key"], found["submission"])
                except Exception as error:  # the bench's own trouble is a result too, and the queue goes on
                    message = f"{type(error).__name__}: {error}"
                    outcome = {"outcome": "fault", "kind": "instrument_fault", "message": message}
                self._store.end(found["key"], "running", outcome)
                reached("run.ended")


class Sender:
    """Signed messages to where each submission asked for them, if that is an address that may be written to."""

    def __init__(self, store: Store, key_id: str, secret: str, allowed: tuple[str, ...], retries: tuple[float, ...]):
        self._store, self._key_id, self._secret = store, key_id, secret
        self._allowed, self._retries = allowed, retries
        self.over = threading.Event()

    def run(self) -> None:
        tries = 0
        while not self.over.is_set():
            failed = False
            for message in self._store.unsent():
                if not message["notify"].startswith(self._allowed) or self._send(message):
                    self._store.mark_sent(message["number"])
                    reached("message.marked")
                else:
                    failed = True
            tries = min(tries + 1, len(self._retries) - 1) if failed else 0
            self.over.wait(self._retries[tries] if failed else 0.05)

    def _send(self, message: dict[str, str]) -> bool:
        """Whether it was taken. A refused message (401, 413, ...) is sent again too: somebody has to mend something."""
        import httpx  # 0.2 s, for laboratories that send messages alone

        headers = signed(message["id"], message["body"], self._key_id, self._secret)
        headers["content-type"] = "application/json"
        try:
            reply = httpx.post(message["notify"], content=message["body"], headers=headers, timeout=10.0)
        except httpx.HTTPError:
            return False
        reached("message.sent")
        return reply.is_success
