"""The contract as an OpenAPI document: paths as data, schemas from the models. ``openapi.yaml`` is what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from adapters.http import contract as c

FILE: Final = Path(__file__).with_name("openapi.yaml")
_MODELS: Final = (
    c.Submission, c.Experiment, c.Results, c.Cancellation, c.UnknownKey, c.Refusal, c.KeyTaken, c.Laboratory,
    c.Messages, c.News,
)  # fmt: skip
_ABOUT: Final = (
    "What hakken asks of a laboratory, and what it answers. A key is an experiment: the laboratory keeps every key on "
    "disk before it answers, the same key again runs nothing, and results once given never change. Every answer that "
    "is described here is application/json and uncompressed; redirects are not followed; any other answer is taken for "
    '"it cannot be reached now", and asked again later. Each request may bring a bearer token.'
)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the contract."""
    _, schemas = models_json_schema([(m, "validation") for m in _MODELS], ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "A laboratory for hakken", "version": "1", "description": _ABOUT},
        "security": [{"token": []}, {}],
        "paths": _paths(),
        "webhooks": {"result": {"post": _news()}},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas["$defs"],
        },
    }


def written() -> str:
    """The document as it stands in the file."""
    import yaml

    return yaml.safe_dump(document(), sort_keys=False, width=120, allow_unicode=True)


def _paths() -> dict[str, Any]:
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
    header = {"name": c.KEY_HEADER, "in": "header", "required": True, "schema": {"type": "string"}}
    unknown = _answer("The laboratory never got the key.", c.UnknownKey)
    stands = _answer("Where it stands.", c.Experiment)
    cancel = "Call it off. A key that never came is kept as cancelled, so that a submission under way does not run."
    return {
        "/laboratory": {
            "get": _operation(
                "laboratory", "What it is, and whether it can work.", {"200": _answer("It.", c.Laboratory)}
            )
        },
        "/experiments": {
            "post": _operation(
                "submit",
                "Carry out an experiment, once for each key, however often it is sent.",
                {
                    "201": _answer("It is on disk, and will be carried out.", c.Experiment),
                    "200": _answer("The key is known: nothing more is done than that already.", c.Experiment),
                    "409": _answer("The key belongs to another experiment.", c.KeyTaken),
                    "422": _answer("It will never be done.", c.Refusal),
                },
                [header],
                c.Submission,
            )
        },
        "/experiments/{key}": {
            "get": _operation("experiment", "Where an experiment stands.", {"200": stands, "404": unknown}, [key])
        },
        "/experiments/{key}/results": {
            "get": _operation(
                "results", "What it gave.", {"200": _answer("Its results.", c.Results), "404": unknown}, [key]
            )
        },
        "/experiments/{key}/cancel": {
            "post": _operation("cancel", cancel, {"200": stands}, [key, header], c.Cancellation)
        },
        "/messages": {
            "get": _operation(
                "messages",
                "Long polling, for whoever messages cannot reach: answers when there is one, or after the wait.",
                {"200": _answer("At most so many that an answer stays small.", c.Messages)},
                [
                    {"name": "campaign", "in": "query", "required": True, "schema": {"type": "string"}},
                    _number("after", "Messages with a higher number only."),
                    _number("wait", "At most so many seconds."),
                ],
            )
        },
    }


def _news() -> dict[str, Any]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "webhook-key-id")
    headers = [{"name": n, "in": "header", "required": n != names[-1], "schema": {"type": "string"}} for n in names]
    about = (
        "One result, signed as Standard Webhooks says: webhook-signature is 'v1,' and the base64 of HMAC-SHA256 over "
        "id.timestamp.body; several stand side by side, parted by spaces. Sent again, signed anew under the same id, "
        "until the answer is 2xx."
    )
    answers = {
        "202": {"description": "It is kept."},
        "4XX": {"description": "It is kept as far as it was read, and counts for nothing."},
        "503": {"description": "It is not kept: send it again later."},
    }
    return _operation("news", about, answers, headers, c.News)


def _operation(
    name: str, summary: str, answers: dict[str, Any], parameters: list[Any] | None = None, body: type | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": name, "summary": summary}
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        found["requestBody"] = {"required": True, "content": _content(body)}
    return found | {"responses": answers}


def _number(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": {"type": "number", "minimum": 0}}


def _answer(about: str, model: type) -> dict[str, Any]:
    return {"description": about, "content": _content(model)}


def _content(model: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
