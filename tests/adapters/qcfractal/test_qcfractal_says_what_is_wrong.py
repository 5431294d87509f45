"""What keeps a QCFractal server from the work is told as what it is, with the remedy."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from adapters.qcfractal.laboratory import QcfractalLaboratory
from adapters.qcfractal.options import qcfractal_options
from loop.contracts import AttemptKey, ExperimentSpec, Finding
from tests.adapters.executors.jobs import wait_until
from tests.adapters.qcfractal.fractals import MANAGERS, READER, USER, OneNodeFractal, served

ETHANOL = ExperimentSpec("force fields", {"molecule": "ethanol"}, {}, {"molecule": "CCO"}, {"energy": "hartree"})
LOGIN = {"username": USER, "password": "$QCFRACTAL_PASSWORD"}
PING = (200, {"success": True})


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("qcportal", reason="a QCFractal server is asked by hakken[qcfractal]")
    monkeypatch.setenv("QCFRACTAL_PASSWORD", "secret")
    monkeypatch.setenv("QCFRACTAL_TOKEN", "qcf_" + "x" * 43)


@pytest.fixture
def lab(tmp_path: Path) -> Callable[..., QcfractalLaboratory]:
    def make(address: str, **changes: Any) -> QcfractalLaboratory:
        level = {"program": "rdkit", "method": "MMFF94", "reuse": False, "poll": 0.0}
        settings = qcfractal_options({"address": address, **level, **changes})
        return QcfractalLaboratory(tmp_path / "lab", settings, "dataset of a test")

    return make


@contextmanager
def answering(replies: Mapping[str, tuple[int, Any]], headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of something that speaks HTTP: a status and JSON for each path, and 404 for any other."""

    class Stub(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = replies.get(self.path, (404, "no such page"))
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # as http.server calls them

    with served(Stub) as address:
        yield address


def test_an_address_where_nobody_is_is_told_in_a_word(lab: Callable[..., QcfractalLaboratory]) -> None:
    address = "http://127.0.0.1:9"
    told = f"QCFractal at {address} gives no answer (Connection refused)"

    assert lab(address).health().message == f"{told}; start it, or mend the address"
    assert lab(address).examine() == [Finding("server", "problem", told, "start it, or mend the address")]


def test_what_is_no_qcfractal_is_not_taken_for_one_that_is_broken(lab: Callable[..., QcfractalLaboratory]) -> None:
    with answering({}) as address:
        told = lab(address).health().message

    assert told == f"there is no QCFractal at {address} (404 Not Found); mend the address"


def test_a_page_of_somebody_else_is_no_qcfractal(lab: Callable[..., QcfractalLaboratory]) -> None:
    with answering({"/api/v1/ping": (200, "please log in")}) as address:
        told = lab(address).health().message

    assert told == f"there is no QCFractal at {address} (its answer is another's); mend the address"


def test_an_address_that_sends_on_is_told_with_where_it_leads(lab: Callable[..., QcfractalLaboratory]) -> None:
    on = {"Location": "https://qc.example/api/v1/ping"}
    with answering({"/api/v1/ping": (301, "")}, on) as address:
        told = lab(address).health().message

    assert told == f"{address} sends on to https://qc.example/api/v1/ping; give the address where that leads"


def test_a_gateway_without_its_server_is_told_as_that(lab: Callable[..., QcfractalLaboratory]) -> None:
    with answering({"/api/v1/ping": (502, "bad gateway")}) as address:
        told = lab(address).health().message

    assert told == f"QCFractal at {address} answers: 502 Bad Gateway; see its log"


@pytest.mark.parametrize("login", [LOGIN, {"token": "$QCFRACTAL_TOKEN"}], ids=["password", "token"])
def test_a_server_that_cannot_check_a_login_has_not_refused_it(
    lab: Callable[..., QcfractalLaboratory], login: Mapping[str, str]
) -> None:
    down = (500, {"msg": "Internal Server Error"})
    about = (200, {"name": "a test", "version": "0.71", "api_limits": {}})
    replies = {"/api/v1/ping": PING, "/api/v1/information": about, "/auth/v1/login": down, "/api/v1/me": down}
    with answering(replies) as address:
        told = lab(address, **login).health().message

    said = "cannot check the login now (500 Internal Server Error)"
    assert told == f"QCFractal at {address} {said}; see its log, and whether its database is up"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (422, "refuses the login (Request failed: no (HTTP status 422)); mend username and password, or the token"),
        (418, "answers: Request failed: no (HTTP status 418); see its log"),
    ],
)
def test_a_server_that_lets_no_client_in_is_told_with_its_answer(
    lab: Callable[..., QcfractalLaboratory], status: int, told: str
) -> None:
    with answering({"/api/v1/ping": PING, "/api/v1/information": (status, {"msg": "no"})}) as address:
        said = lab(address, token="$QCFRACTAL_TOKEN").health().message

    assert said == f"QCFractal at {address} {told}"


def test_a_long_answer_is_told_by_its_beginning_and_its_end(lab: Callable[..., QcfractalLaboratory]) -> None:
    traceback = f"Traceback {'of many lines ' * 500} ForeignKeyViolation: no such dataset"
    with answering({"/api/v1/ping": PING, "/api/v1/information": (500, {"msg": traceback})}) as address:
        said = lab(address).health().message

    assert said.startswith(f"QCFractal at {address} answers: Request failed: Traceback")
    assert said.endswith("ForeignKeyViolation: no such dataset (HTTP status 500); see its log")
    assert len(said) < 500


def test_a_certificate_that_is_not_trusted_is_told_as_that(
    lab: Callable[..., QcfractalLaboratory], monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests

    def get(*_: Any, **__: Any) -> None:
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    monkeypatch.setattr(requests, "get", get)
    told = lab("https://qc.example").health().message

    assert told == (
        "the certificate of QCFractal at https://qc.example is not trusted here "
        "([SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate); verify: false takes it unchecked, where the "
        "network can be trusted"
    )


def test_a_request_that_another_version_does_not_understand_is_told_with_both_versions(
    lab: Callable[..., QcfractalLaboratory],
) -> None:
    import qcportal

    about = (200, {"name": "a test", "version": "0.50", "api_limits": {}})
    refusal = (400, {"msg": "Invalid body"})
    with answering({"/api/v1/ping": PING, "/api/v1/information": about, "/api/v1/datasets": refusal}) as address:
        one = lab(address)
        found = one.find(AttemptKey("a key"))
        server = one.examine()[0]

    versions = f"it is version 0.50 and qcportal here {qcportal.__version__}"
    text = f"QCFractal at {address} answers: Request failed: Invalid body (HTTP status 400), where {versions}"
    assert getattr(found, "why", "") == f"{text}; update the older one, and see its log"
    assert server.verdict == "note"
    assert server.found == f"QCFractal 0.50 at {address}, qcportal {qcportal.__version__} here"
    assert server.remedy == "should it refuse requests, update the older one"


def test_a_login_that_may_only_read_is_found_before_the_first_experiment(
    fractal: OneNodeFractal, lab: Callable[..., QcfractalLaboratory]
) -> None:
    login = {"password": "$QCFRACTAL_PASSWORD"}
    reader = lab(fractal.address, username=READER, **login).examine()
    submitter = lab(fractal.address, username=USER, **login).examine()

    assert Finding("login", "problem", "its role 'read' may not submit", "give a login with the role submit") in reader
    assert not [finding for finding in submitter if finding.subject == "login"]


def test_managers_count_where_they_take_the_tag_alone(
    fractal: OneNodeFractal, lab: Callable[..., QcfractalLaboratory]
) -> None:
    from qcportal.manager_client import ManagerClient
    from qcportal.managers import ManagerName

    program = uuid.uuid4().hex  # that nobody else's manager has
    name = ManagerName(cluster="tests", hostname="elsewhere", uuid=program)
    manager = ManagerClient(name, fractal.address, MANAGERS, fractal.password)
    manager.activate("0", {"qcengine": ["1"], program: ["1"]}, ["mine"])
    login = {"token": "$QCFRACTAL_TOKEN", "program": program}
    tags = ("mine", "MINE", "theirs", "*")
    counted = {tag: lab(fractal.address, tag=tag, **login).examine()[1].verdict for tag in tags}
    manager.deactivate(0, 0, 0.0, 0.0)

    # A record with the tag * waits for a manager that takes any.
    assert counted == {"mine": "ok", "MINE": "ok", "theirs": "problem", "*": "problem"}


def test_a_record_that_no_manager_can_take_up_says_so(
    fractal: OneNodeFractal, lab: Callable[..., QcfractalLaboratory]
) -> None:
    login = {"token": "$QCFRACTAL_TOKEN", "tag": uuid.uuid4().hex}
    for_nobody, for_somebody = lab(fractal.address, **login, program="psi4"), lab(fractal.address, **login)
    wait_until(lambda: for_somebody.examine()[1].verdict == "ok")
    with fractal.held(login["tag"]):
        wants = []
        for key, one in ((AttemptKey("nobody's"), for_nobody), (AttemptKey("somebody's"), for_somebody)):
            handle = one.prepare(ETHANOL, key)
            one.start(handle, key)
            wants.append(one.status(handle).wants)
            one.cancel(handle, "the test is over")

    said = f"waits for a manager with psi4 and tag '{login['tag']}', and none is active"
    remedy = "start qcfractal-compute-manager where psi4 is installed, with that tag, or correct program and tag"
    assert wants == [f"{said}; {remedy}", ""]


def test_records_are_sought_in_words_that_older_servers_know(
    fractal: OneNodeFractal, lab: Callable[..., QcfractalLaboratory], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qcportal.client_base import PortalClientBase

    sent: list[dict[str, Any]] = []
    hand_on = PortalClientBase._request

    def request(self: Any, method: str, endpoint: str, **told: Any) -> Any:
        if endpoint.endswith("/query"):
            sent.append(json.loads(told["body"]))
        return hand_on(self, method, endpoint, **told)

    monkeypatch.setattr(PortalClientBase, "_request", request)
    one = lab(fractal.address, token="$QCFRACTAL_TOKEN", reuse=True)
    one.start(one.prepare(ETHANOL, AttemptKey("a key")), AttemptKey("a key"))

    (asked,) = sent
    assert set(asked) == {"program", "method", "molecule_id", "limit"}  # 0.64 refuses what it does not know
