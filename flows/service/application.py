"""The application: what is answered at each address, by the functions of the engine that commands call as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, Final

from anyio import to_thread
from fastapi import FastAPI, Header, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from flows import engine
from flows.engine.clients.handing import MOST, Asked, Experiment
from flows.engine.clients.results import Told
from flows.metrics import text_of
from flows.service.access import Access
from flows.service.bench import bench_page
from flows.service.deciding import add_decisions
from flows.service.fields import as_requests
from flows.service.gate import Application, Gate, caller_of
from flows.service.pages import Pages
from flows.service.refusing import answer_refusals
from flows.service.turns import Turns
from flows.shown.best import best_document
from flows.shown.plain import plain
from loop.experiment import State
from loop.record import Verdict

if TYPE_CHECKING:
    from flows.engine.looking.reports import StatusReport
    from flows.settings import Settings

AT_ONCE: Final = 100  # connections; more are told to come later
STATUS_OF: Final = {  # of a result, by its verdict
    Verdict.ACCEPTED: 200,
    Verdict.DUPLICATE: 200,
    Verdict.FOREIGN: 404,
    Verdict.MALFORMED: 422,
    Verdict.CONTRADICTORY: 409,
    Verdict.LATE: 409,
}
REQUEST: Final = "Idempotency-Key"


class Strict(BaseModel):
    """Base of what a request brings: an unknown key is refused, for it may be a mistyped one."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Wanted(Strict):
    """How many experiments are asked for."""

    experiments: int = Field(default=1, ge=1, le=MOST, description="At most so many.")


class GivenBack(Strict):
    """Whose experiment is given back that never ran, and why."""

    request: str = Field(description="The key under which it was asked for.")
    why: str = ""


class Rows(Strict):
    """Results of experiments that nobody proposed."""

    rows: list[dict[str, str | int | float | None]] = Field(
        description="Each by column: parameters, targets (a value, or a limit such as '<1'), outcome, 'yield sd', ..."
    )


Key = Annotated[str, Header(alias=REQUEST, description="Names the request: the same again is the same request.")]


def application(settings: Settings, access: Access, *, patience: float) -> Application:
    """Everything that is answered, behind the gate.

    Args:
        settings: Where the record is.
        access: Who may ask.
        patience: Seconds that a request waits for whoever works on its campaign, before it is told to come again.
    """
    app = FastAPI(
        title="hakken",
        version=version("hakken"),
        summary="Campaigns: experiments asked for, and what came of them told.",
        lifespan=_with_threads,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    answer_refusals(app)
    _add_campaigns(app, settings)
    _add_clients(app, settings, patience)
    _add_pages(app, settings)
    add_decisions(app, settings)
    return Gate(app, access)


@asynccontextmanager
async def _with_threads(_: FastAPI) -> AsyncIterator[None]:
    """A thread for each connection, so that those who wait for one campaign keep nobody from the others."""
    to_thread.current_default_thread_limiter().total_tokens = AT_ONCE
    yield


def _add_campaigns(app: FastAPI, settings: Settings) -> None:
    """Where campaigns stand."""

    @app.get("/health", summary="Whether it answers; needs no token.")
    async def health() -> dict[str, Any]:
        return {"ok": True, "version": version("hakken")}

    @app.get("/api/campaigns", summary="Where every campaign stands.")
    def campaigns() -> list[Any]:
        return [_standing(report) for report in engine.status(settings, None, str)]

    @app.get("/api/campaigns/{name}", summary="Where one stands, as hakken status --json says it.")
    def campaign(name: str) -> Any:
        return _standing(engine.status(settings, name, str)[0])

    @app.get("/api/campaigns/{name}/best", summary="What is believed best, as hakken best --json says it.")
    def best(name: str) -> Any:
        found = engine.best(settings, name)
        return plain(best_document(found, engine.status(settings, name)[0]))

    @app.get("/metrics", summary="Where campaigns stand, for Prometheus.", response_class=PlainTextResponse)
    def metrics() -> str:
        return text_of(engine.status(settings, None, str))


def _standing(report: StatusReport) -> dict[str, Any]:
    return {**report.as_json(), "next_step": as_requests(report.next_step)}


def _add_clients(app: FastAPI, settings: Settings, patience: float) -> None:
    """Asking and telling."""

    turns = Turns(patience)

    @app.post("/api/campaigns/{name}/ask", summary="The next experiments, planned where a batch is due.")
    def ask(name: str, wanted: Wanted, request: Request, key: Key) -> Asked:
        by = caller_of(request).name
        with turns.of(name):
            asked = engine.ask(settings, name, wanted.experiments, request=key, by=by, patience=patience)
        notes = tuple(map(as_requests, asked.notes))
        return replace(asked, notes=notes, next_step=as_requests(asked.next_step))

    @app.get("/api/campaigns/{name}/experiments", summary="Experiments that have not ended, or those in some states.")
    def experiments(name: str, state: Annotated[list[State] | None, Query()] = None) -> tuple[Experiment, ...]:
        return engine.experiments_of(settings, name, state)

    @app.get("/api/campaigns/{name}/experiments/{key}", summary="One experiment.")
    def experiment(name: str, key: str) -> Experiment:
        return engine.experiment(settings, name, key)

    @app.post(
        "/api/campaigns/{name}/experiments/{key}/result",
        summary="What came of an experiment. Whatever is sent is kept; the answer says whether it counts.",
        response_model=Told,
        responses={status: {"model": Told} for status in (404, 409, 422)},
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": RESULT}}}},
    )
    async def result(name: str, key: str, request: Request) -> Response:
        by, body = caller_of(request).name, (await request.body()).decode("utf-8", errors="backslashreplace")

        def tell() -> Told:
            with turns.of(name):
                return engine.tell_result(settings, name, key, body, by=by, patience=patience)

        told = await run_in_threadpool(tell)
        said = replace(told, message=as_requests(told.message))
        return JSONResponse(plain(said), STATUS_OF[told.verdict])

    @app.post("/api/campaigns/{name}/experiments/{key}/give-back", summary="It never ran: the next who asks gets it.")
    def give_back(name: str, key: str, given: GivenBack, request: Request) -> dict[str, str]:
        by = caller_of(request).name
        said = {"request": given.request, "why": given.why}
        with turns.of(name):
            attempt = engine.give_back(settings, name, key, by=by, patience=patience, **said)
        return {"campaign": name, "key": attempt.key, "state": attempt.state.value}

    @app.post(
        "/api/campaigns/{name}/results",
        summary="Results of experiments that nobody proposed. 422 where a row cannot be read; the others count.",
    )
    def results(name: str, given: Rows, request: Request, key: Key) -> Response:
        with turns.of(name):
            told = engine.tell_own(settings, name, given.rows, request=key, by=caller_of(request).name)
        said = replace(told, problems=[*map(as_requests, told.problems)], notes=tuple(map(as_requests, told.notes)))
        return JSONResponse(plain(said), 422 if told.problems else 200)


def _add_pages(app: FastAPI, settings: Settings) -> None:
    """What a person looks at in a browser."""
    pages = Pages(settings)

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def overview() -> str:
        return pages.overview()

    @app.get("/campaigns/{name}/bench", include_in_schema=False, response_class=HTMLResponse)
    def bench(name: str, request: Request) -> str:
        return bench_page(settings, name, may_write=caller_of(request).may_write)

    @app.get("/campaigns/{name}", include_in_schema=False, response_class=HTMLResponse)
    def report(name: str) -> str:
        return pages.report(name)


RESULT: Final = {
    "type": "object",
    "required": ["outcome"],
    "properties": {
        "outcome": {"enum": ["measured", "negative", "fault"]},
        "values": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["property", "value"],
                "properties": {
                    "property": {"type": "string", "description": "A target."},
                    "value": {"type": ["number", "string"], "description": "A number, or the word of a level."},
                    "unit": {"type": "string", "description": "The target's when left out."},
                    "sd": {"type": "number"},
                    "n": {"type": "integer", "description": "Readings behind the value."},
                    "qualifier": {"enum": ["=", "<", ">"], "description": "A limit, where it is one."},
                    "channel": {"type": "string"},
                },
            },
        },
        "reason": {"type": "string", "description": "Of a negative: no conversion, ..."},
        "kind": {"type": "string", "description": "Of a fault: instrument_fault, convergence_error, ..."},
        "message": {"type": "string"},
        "informative": {"type": "boolean", "description": "Of a fault: whether it tells of the candidate."},
        "context": {"type": "object", "description": "What was recorded beside: instrument, lot, actual settings."},
        "provenance": {"type": "object"},
    },
}
