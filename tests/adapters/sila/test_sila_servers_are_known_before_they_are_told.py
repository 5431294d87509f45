"""Whom a SiLA server is taken for: certificates, what it announces in the network, and what is said where it is not."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError
from adapters.sila import options as sila2
from loop.errors import AdapterUnavailable
from tests.adapters.helpers import context

pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")

from adapters.sila.discovery import Announced, chosen, discover
from adapters.sila.serving import serve
from tests.adapters.helpers import free_port
from tests.adapters.sila.sila_bench import MEASURED, SilaBench


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate that it made itself: its address and that certificate."""
    from sila2.server.encryption import generate_self_signed_certificate

    server = serve(tmp_path / "keys", lambda *_: MEASURED)
    key, certificate = generate_self_signed_certificate(server.server_uuid, "127.0.0.1")
    port = free_port()
    server.start("127.0.0.1", port, key, certificate, enable_discovery=False)
    path = tmp_path / "bench.pem"
    path.write_bytes(certificate)
    yield f"127.0.0.1:{port}", path
    server.stop(0)


def test_a_known_certificate_is_trusted_and_nothing_else_by_default(
    tmp_path: Path, encrypted: tuple[str, Path]
) -> None:
    address, certificate = encrypted
    known = sila2.build({"address": address, "root_certificates": "bench.pem"}, context(tmp_path))
    unknown = sila2.build({"address": address, "timeout": 2.0}, context(tmp_path))
    plain = sila2.build({"address": address, "trust": "nothing", "timeout": 2.0}, context(tmp_path))

    assert known.health().is_ok
    assert certificate.exists()
    assert not unknown.health().is_ok
    assert "name the PEM file of the authority that signed it under root_certificates" in unknown.health().message
    assert not plain.health().is_ok
    assert "where it encrypts, leave out trust: nothing" in plain.health().message


def test_a_certificate_of_another_host_name_is_said_to_be_so(tmp_path: Path, encrypted: tuple[str, Path]) -> None:
    address = encrypted[0].replace("127.0.0.1", "localhost")
    other = sila2.build({"address": address, "root_certificates": "bench.pem", "timeout": 5.0}, context(tmp_path))

    assert not other.health().is_ok
    assert "state the address by the name that it certifies" in other.health().message


def test_a_file_that_holds_no_certificate_or_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "robot.der").write_bytes(b"\x30\x82")
    (tmp_path / "me.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    pair = {"certificate": "me.pem", "private_key": "me.pem"}
    with pytest.raises(AdapterOptionsError, match=r"'root_certificates': .*robot.der holds no certificate in PEM"):
        sila2.build({"address": "robot:1", "root_certificates": "robot.der"}, context(tmp_path))
    with pytest.raises(
        AdapterOptionsError, match=r"'private_key': .*me.pem holds no private key in PEM; name the file"
    ):
        sila2.build({"address": "robot:1", **pair}, context(tmp_path))


def test_a_plain_server_is_not_talked_to_unless_asked(tmp_path: Path) -> None:
    bench = SilaBench(tmp_path / "server")
    health = sila2.build({"address": bench.address, "timeout": 5.0}, context(tmp_path)).health()
    bench.stop()

    assert not health.is_ok
    assert "it runs and does not encrypt" in health.message


@pytest.fixture
def announced() -> Iterator[Callable[..., str]]:
    """Lets servers be announced on the loopback interface."""
    from zeroconf import ServiceInfo, Zeroconf

    zeroconf = Zeroconf(interfaces=["127.0.0.1"])

    def announce(name: str, port: int, certificate: bytes = b"") -> str:
        identity = str(uuid.uuid4())
        texts: dict[str, Any] = {"server_name": name}
        texts |= {f"ca{i}": line for i, line in enumerate(certificate.splitlines())}
        kind = "_sila._tcp.local."
        info = ServiceInfo(kind, f"{identity}.{kind}", port, parsed_addresses=["127.0.0.1"], properties=texts)
        zeroconf.register_service(info)
        return identity

    yield announce
    zeroconf.close()


def test_servers_are_discovered_by_uuid_or_name(announced: Callable[..., str]) -> None:
    announced("robot", 1234)
    identity = announced("robot", 1235)
    heard = [
        Announced("1", "robot", "a:1", None),
        Announced("2", "robot", "b:1", None),
        Announced("3", "oven", "c:1", None),
    ]

    assert discover(identity, 60.0, ["127.0.0.1"]) == Announced(identity, "robot", "127.0.0.1:1235", None)
    assert (chosen("oven", heard, 5.0), chosen("2", heard, 5.0)) == (heard[2], heard[1])
    with pytest.raises(AdapterUnavailable, match=r"2 SiLA servers call themselves 'robot': robot \(1, a:1\), .* UUID"):
        chosen("robot", heard, 5.0)
    with pytest.raises(AdapterUnavailable, match=r"no SiLA server 'robots' was heard within 5 s; heard: .*oven"):
        chosen("robots", heard, 5.0)


def test_what_a_server_announces_is_trusted_only_where_that_is_stated(
    tmp_path: Path, encrypted: tuple[str, Path], announced: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate = encrypted
    identity = announced("bench", int(address.rpartition(":")[2]), certificate.read_bytes())
    monkeypatch.setattr(sila2, "discover", lambda server, _: discover(server, 60.0, ["127.0.0.1"]))
    stated = sila2.build({"server": identity, "trust": "announced"}, context(tmp_path))
    default = sila2.build({"server": identity, "timeout": 2.0}, context(tmp_path))

    assert stated.health().message == f"the SiLA server at {address} says: ready"
    assert not default.health().is_ok
