"""``http``: secrets come from the environment and stay out of files and messages; certificates are always checked."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError
from adapters.http.options import build
from loop.errors import AdapterUnavailable
from loop.testing.adapter import KEY
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.http.http_servers import Laboratory, adapter_for, speaking

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"url": "https://lab", "token": SECRET},
            "option 'token' must name an environment variable, such as $LAB_TOKEN",
        ),
        ({"url": "https://lab", "webhook_keys": {"k1": SECRET}}, "option 'webhook_keys.k1' must name an environment"),
        ({"url": "https://lab", "webhook_keys": SECRET}, "option 'webhook_keys' must name an environment variable"),
        ({"url": f"https://me:{SECRET}@lab"}, "option 'url' must be an address without name, password, ? and #"),
        ({"url": f"https://lab?token={SECRET}"}, "option 'url' must be an address without name, password, ? and #"),
        ({"url": "http://lab.example", "token": "$T"}, "must begin with https:// where there is a token"),
        ({"url": "lab.example"}, "option 'url' must be an address such as https://robot.example/api"),
        ({"url": "http://[::1"}, "option 'url' must be an address such as"),
        ({"url": "https://lab", "notify": "ftp://me"}, "option 'notify' must be an address such as"),
        ({"url": "https://lab", "timeout": 0}, "option 'timeout' must be: greater than 0; got 0"),
        ({"url": "https://lab", "verify": False}, "unknown option 'verify'; known: url, token"),
        ({}, "option 'url' is missing"),
    ],
)
def test_options_are_refused_without_repeating_a_secret(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AdapterOptionsError) as caught:
        build(options, context(tmp_path))

    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", " ", "two\nlines", "schlüssel"])
def test_a_secret_that_is_not_there_is_said_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("LAB_TOKEN", value)
    with speaking(Laboratory()) as laboratory:
        lab = adapter_for(laboratory, tmp_path, token="$LAB_TOKEN")

        with pytest.raises(AdapterUnavailable, match="the environment variable LAB_TOKEN"):
            lab.find(KEY)
        assert not lab.health().is_ok

    assert laboratory.asked == []


def test_no_file_holds_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRET)
    with speaking(Laboratory()) as laboratory:
        lab = adapter_for(laboratory, tmp_path, token="$LAB_TOKEN")
        handle = lab.prepare(EXPERIMENT, KEY)
        lab.start(handle, KEY)
        assert lab.fetch(handle)

    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert not any(SECRET in text for text in files)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    key, cert, both = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "both.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("a certificate is made with openssl; on Debian: apt-get install openssl")
    both.write_text(key.read_text() + cert.read_text())
    return both


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, certificate: Path) -> None:
    with speaking(Laboratory(), certificate) as laboratory:
        with pytest.raises(AdapterUnavailable, match="give the certificate of its authority as ca: FILE; certificates"):
            adapter_for(laboratory, tmp_path).find(KEY)
        lab = adapter_for(laboratory, tmp_path, ca="cert.pem")
        lab.start(lab.prepare(EXPERIMENT, KEY), KEY)
        with pytest.raises(AdapterUnavailable, match=r"missing\.pem cannot be read as certificates"):
            adapter_for(laboratory, tmp_path, ca="missing.pem").find(KEY)

    assert list(laboratory.known) == [KEY]
