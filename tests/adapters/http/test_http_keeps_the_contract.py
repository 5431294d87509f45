"""``http`` beside the example's laboratory: the laws hold, and ``openapi.yaml`` says what really goes over the wire."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.http.openapi import FILE, document, written
from adapters.http.options import build
from examples.http_laboratory.bench import Bench
from examples.http_laboratory.server import application
from examples.http_laboratory.store import Store
from loop.contracts import Delivery, Found
from loop.errors import AdapterUnavailable
from loop.recipe import By, Dose, Form, Heat, Measure, Recipe, Stock, Vessel
from loop.recipe.amounts import TEMPERATURE, TIME, VOLUME, Amount
from loop.testing.adapter import KEY, OTHER, wait_for_end
from tests.adapters.examining import ROOT, examine
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.http.http_servers import serving

SHIPPED = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NAMES = st.sampled_from(["key", "state", "memory", "results", "error", "problems", "messages", "number"]) | st.text()
TRIAL = ROOT / "examples/http_laboratory/trial.yaml"


@pytest.mark.slow
def test_the_laws_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command that docs/guide/http.md gives, with this Python in the place of "python"."""
    import sys

    trial = tmp_path / "trial.yaml"
    trial.write_text(TRIAL.read_text(encoding="utf-8").replace("serve: python ", f"serve: {sys.executable} "))
    monkeypatch.setenv("HAKKEN_TRIAL", str(trial))

    code, said = examine("--adapter", "adapters.http.trial:trial")

    assert code == 0, said
    assert int(re.findall(r"(\d+) passed", said)[0]) >= 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "set HAKKEN_TRIAL to a YAML file with serve, experiment, refused and laboratory"),
        ("serve: python\n", "is no trial (KeyError: 'experiment'); mend it"),
        ("[", "is no trial (ParserError"),
    ],
)
def test_a_trial_that_is_none_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, message: str
) -> None:
    import adapters.http.trial as module

    monkeypatch.delenv("HAKKEN_TRIAL", raising=False)
    if text is not None:
        (tmp_path / "t.yaml").write_text(text)
        monkeypatch.setenv("HAKKEN_TRIAL", str(tmp_path / "t.yaml"))

    with pytest.raises(AttributeError, match=re.escape(message)):
        _ = module.trial


def test_a_laboratory_that_is_examined_finds_its_folder(tmp_path: Path) -> None:
    """A server of somebody's own puts its store there, and need not make the folder first."""
    import sys

    from adapters.http.trial import served

    folder = tmp_path / "some" / "server"
    server = served(f"{sys.executable} -m http.server {{port}} --bind 127.0.0.1 --directory {{folder}}", folder)
    server.stop()

    assert folder.is_dir()


def test_the_shipped_document_is_made_from_the_code() -> None:
    anew = "write it anew: python -c 'from adapters.http.openapi import *; FILE.write_text(written())'"
    assert FILE.read_text(encoding="utf-8") == written(), anew
    assert document() == SHIPPED
    assert SHIPPED["openapi"] == "3.1.0"


def test_every_reference_in_it_leads_somewhere() -> None:
    named = set(re.findall(r"#/components/schemas/(\w+)", FILE.read_text(encoding="utf-8")))

    assert named == set(SHIPPED["components"]["schemas"])
    for schema in SHIPPED["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


class Recorded:
    """An application around another one, that keeps what goes in and out."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.traffic: list[tuple[str, str, dict[str, str], bytes, int, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked, answered, status = bytearray(), bytearray(), [0]

        async def receive_it() -> Any:
            event = await receive()
            asked.extend(event.get("body", b""))
            return event

        async def send_it(event: Any) -> None:
            status[0] = event.get("status", status[0])
            answered.extend(event.get("body", b""))
            await send(event)

        await self.app(scope, receive_it, send_it)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        told = (scope["method"], scope["path"], headers, bytes(asked), status[0], bytes(answered))
        self.traffic.append(told)


def check(schema: Any, text: bytes) -> None:
    """Against the shipped document."""
    whole = {**schema, "components": SHIPPED["components"]}
    jsonschema.Draft202012Validator(whole).validate(json.loads(text))


def schema_of(part: dict[str, Any]) -> Any:
    return part["content"]["application/json"]["schema"]


def test_what_goes_over_the_wire_is_what_the_document_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "t")
    app = Recorded(application(Store(tmp_path / "s"), Bench(tmp_path / "s", 0.0), token="t", secret="k"))
    with serving(app) as url:
        lab = build({"url": url, "token": "$LAB_TOKEN"}, context(tmp_path))
        assert lab.health().is_ok
        handle = lab.prepare(EXPERIMENT, KEY)
        lab.start(handle, KEY)
        wait_for_end(lab, handle)
        assert lab.fetch(handle)
        assert len(lab.messages("arylation", 0, 0.0)) == 1
        hot = replace(EXPERIMENT, settings={"temperature": 200.0})
        second = lab.prepare(hot, OTHER)
        lab.start(second, OTHER)
        app.traffic.pop()  # keeps the number of refusals seen below at one
        lab._service.cancel(second, "no longer wanted")

    operations = set()
    for method, path, headers, asked, status, answered in app.traffic:
        template = re.sub(r"^/experiments/[^/]+", "/experiments/{key}", path)
        operation = SHIPPED["paths"][template][method.lower()]
        operations.add(operation["operationId"])
        check(schema_of(operation["responses"][str(status)]), answered)
        for parameter in operation.get("parameters", []):
            assert parameter["in"] != "header" or parameter["name"].lower() in headers
        if "requestBody" in operation:
            check(schema_of(operation["requestBody"]), asked)
    (message,) = [json.loads(t[-1])["messages"][0] for t in app.traffic if t[1] == "/messages"]
    check(schema_of(SHIPPED["webhooks"]["result"]["post"]["requestBody"]), message["body"].encode())
    declared = {o["operationId"] for path in SHIPPED["paths"].values() for o in path.values()}
    assert operations == declared


def test_a_campaign_with_a_recipe_sends_what_is_to_be_done_at_the_bench(tmp_path: Path) -> None:
    recipe = Recipe(
        Vessel(holds=200.0),
        {"PPh3": Stock("PPh3", Form.SOLUTION, concentration=0.05, solvent="DMSO")},
        (
            Dose("ligand", By.VOLUME, Amount(VOLUME, 20.0)),
            Heat(Amount(TEMPERATURE, parameter="temperature", said_in="degC"), Amount(TIME, 60.0)),
            Measure(("yield",), "HPLC"),
        ),
    )
    app = Recorded(application(Store(tmp_path / "s"), Bench(tmp_path / "s", 0.0)))
    with serving(app) as url:
        lab = build({"url": url}, replace(context(tmp_path), recipe=recipe))
        handle = lab.prepare(EXPERIMENT, KEY)
        lab.start(handle, KEY)
        wait_for_end(lab, handle)

    (asked,) = [t[3] for t in app.traffic if t[:2] == ("POST", "/experiments")]
    check({"$ref": "#/components/schemas/Submission"}, asked)
    procedure = json.loads(asked)["procedure"]
    assert [(s["does"], s["of"]) for s in procedure["steps"]] == [
        ("dispense", "PPh3"),
        ("heat", ""),
        ("measure", "yield"),
    ]
    dose, heat, _ = procedure["steps"]
    assert (dose["values"]["volume"], dose["units"]["volume"]) == (20.0, "uL")
    assert (heat["values"], heat["units"]) == (
        {"temperature": 90.0, "time": 60.0},
        {"temperature": "degC", "time": "s"},
    )
    assert procedure["text"].startswith("Dispense 20 µL of PPh3, 0.05 mol/L in DMSO")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_the_example_wants_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("LAB_TOKEN", token or "unset")
    app = application(Store(tmp_path / "s"), Bench(tmp_path / "s", 0.0), token="right")
    with serving(app) as url:
        lab = build({"url": url, **({"token": "$LAB_TOKEN"} if token else {})}, context(tmp_path))

        with pytest.raises(AdapterUnavailable, match=r"was refused \(401\)"):
            lab.find(KEY)


def test_a_key_cancelled_before_it_comes_does_not_run(tmp_path: Path) -> None:
    with serving(application(Store(tmp_path / "s"), Bench(tmp_path / "s", 0.0))) as url:
        lab: Any = build({"url": url}, context(tmp_path))
        handle = lab.prepare(EXPERIMENT, KEY)
        lab._service.cancel(handle, "no longer wanted")
        lab.start(handle, KEY)
        (envelope,) = lab.fetch(handle)

    assert json.loads(envelope.payload)["kind"] == "cancelled"
    assert Bench(tmp_path / "s", 0.0).runs(KEY) == 0
    assert lab.capabilities().delivery is Delivery.KEYED


def test_one_key_for_two_experiments_is_refused_by_the_laboratory_too(tmp_path: Path) -> None:
    from adapters.errors import KeyReused

    with serving(application(Store(tmp_path / "s"), Bench(tmp_path / "s", 0.0))) as url:
        one, two = (build({"url": url}, context(tmp_path / name)) for name in ("one", "two"))
        one.start(one.prepare(EXPERIMENT, KEY), KEY)
        other = replace(EXPERIMENT, settings={"ligand": "XPhos", "temperature": 90.0})
        handle = two.prepare(other, KEY)
        assert isinstance(two.find(KEY), Found)

        with pytest.raises(KeyReused):
            two._send(handle, "m", never_ran=False)


@settings(max_examples=100)
@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=8))
def test_no_document_breaks_the_reading(value: Any) -> None:
    from adapters.http.contract import Experiment, Messages, Refusal, Results, UnknownKey
    from adapters.http.wire import Reply

    reply = Reply("GET x", 200, value if isinstance(value, dict) else {"results": value, "key": value})
    for model in (Experiment, Results, UnknownKey, Refusal, Messages):
        if reply.is_one(model):
            assert isinstance(reply.read(model), model)
        else:
            with pytest.raises(AdapterUnavailable, match="must keep the contract in"):
                reply.read(model)


def test_a_bench_in_trouble_is_a_fault_and_the_queue_goes_on(tmp_path: Path) -> None:
    class Clogged(Bench):
        def carry_out(self, key: str, experiment: dict[str, Any]) -> dict[str, Any]:
            if key == KEY:
                raise RuntimeError("the needle is clogged")
            return super().carry_out(key, experiment)

    with serving(application(Store(tmp_path / "s"), Clogged(tmp_path / "s", 0.0))) as url:
        lab = build({"url": url}, context(tmp_path))
        told = {}
        for key in (KEY, OTHER):
            handle = lab.prepare(EXPERIMENT, key)
            lab.start(handle, key)
            wait_for_end(lab, handle)
            told[key] = json.loads(lab.fetch(handle)[0].payload)

    assert (told[KEY]["kind"], told[KEY]["message"]) == ("instrument_fault", "RuntimeError: the needle is clogged")
    assert told[OTHER]["outcome"] == "measured"
