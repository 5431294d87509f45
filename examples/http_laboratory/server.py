"""The contract of adapters/http/openapi.yaml, answered from the store. Nothing here knows what is on the bench."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse

from .bench import PARAMETERS, PROPERTIES, Bench
from .crash import reached
from .signing import signed
from .store import Store
from .work import Sender, Worker

CONTRACT = "hakken-laboratory/1"


def application(
    store: Store, bench: Bench, *, token: str = "", key_id: str = "k1", secret: str = "", allowed: tuple[str, ...] = (),
    retries: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0),
) -> FastAPI:  # fmt: skip
    """The laboratory as a web application. Without a secret it signs nothing and sends no messages."""
    worker = Worker(store, bench)
    sender = Sender(store, key_id, secret, allowed, retries)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        threads = [threading.Thread(target=worker.run)]
        threads += [threading.Thread(target=sender.run)] if secret and allowed else []
        for thread in threads:
            thread.start()
        yield
        worker.over.set()
        sender.over.set()
        worker.something_new.set()
        for thread in threads:
            await to_thread.run_sync(thread.join)
        store.close()

    app = FastAPI(title="A laboratory for hakken", version="1", lifespan=life)

    @app.middleware("http")
    async def check_token(request: Request, go_on: Any) -> Any:
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return JSONResponse({"error": "unauthorized"}, 401)
        return await go_on(request)

    def shown(key: str, status: int = 200) -> JSONResponse:
        """Where an experiment stands, or that the key never came."""
        found = store.get(key)
        if found is None:
            return JSONResponse({"error": "unknown_key", "key": key, "memory": store.memory}, 404)
        known = {"key": key, "state": found["state"], "detail": found["detail"]}
        return JSONResponse({**known, "memory": store.memory, "runs": bench.runs(key)}, status)

    @app.get("/laboratory")
    def laboratory() -> Any:
        about = {"contract": CONTRACT, "name": "simulated bench", "memory": store.memory, "ok": True}
        can = {"properties": PROPERTIES, "parameters": list(PARAMETERS)}
        return {**about, **can, "message": f"{len(store.in_state('waiting'))} experiments are waiting"}

    @app.post("/experiments")
    def submit(submission: dict[str, Any], idempotency_key: str = Header()) -> Any:
        key = submission["key"]
        if key != idempotency_key or submission.get("contract") != CONTRACT:
            trouble = {"subject": "submission", "rule": "one key, and this contract", "remedy": "see openapi.yaml"}
            return JSONResponse({"error": "refused", "problems": [trouble]}, 422)
        if problems := bench.problems(submission):
            return JSONResponse({"error": "refused", "problems": problems}, 422)
        reached("submit.received")
        is_new = store.add(key, submission)
        reached("submit.stored")
        known = store.get(key)
        assert known is not None
        before = known["submission"]
        if before and any(before[name] != submission[name] for name in ("settings", "targets", "replicate_no")):
            return JSONResponse({"error": "key_taken", "key": key}, 409)
        if submission.get("never_ran"):
            store.move(key, "doubtful", "waiting", "a person vouches that it never ran")
        worker.something_new.set()
        return shown(key, 201 if is_new else 200)

    @app.get("/experiments/{key}")
    def experiment(key: str) -> Any:
        return shown(key)

    @app.get("/experiments/{key}/results")
    def results(key: str) -> Any:
        found = store.get(key)
        if found is None:
            return shown(key)
        return {"key": key, "state": found["state"], "memory": store.memory, "results": found["results"]}

    @app.post("/experiments/{key}/cancel")
    def cancel(key: str, cancellation: dict[str, Any]) -> Any:
        """What waits is called off; what runs goes on. A key that never came is kept, so that it cannot run later."""
        outcome = {"outcome": "fault", "kind": "cancelled", "message": cancellation["reason"]}
        if not store.add(key, {}, "ended", (outcome,)):
            store.end(key, "waiting", outcome)
        return shown(key)

    @app.get("/messages")
    def messages(campaign: str, after: int = Query(0, ge=0), wait: float = Query(0.0, ge=0.0, le=60.0)) -> Any:
        """Long polling: answers as soon as there is a message after that number, or when the wait is over."""
        if not secret:
            return JSONResponse({"error": "this laboratory has no key to sign with; set LAB_KEY"}, 501)
        until = time.monotonic() + wait
        while not (found := store.messages(campaign, after)) and time.monotonic() < until and not worker.over.is_set():
            time.sleep(0.05)
        return {"messages": [_message(m, signed(m["id"], m["body"], key_id, secret)) for m in found]}

    return app


def _message(message: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    told = {name.removeprefix("webhook-").replace("-", "_"): value for name, value in headers.items()}
    return {**told, "number": message["number"], "body": message["body"]}
