"""Discovery: SiLA servers that announce themselves in the network, by name or UUID."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.errors import AdapterUnavailable

_SERVICE: Final = "_sila._tcp.local."


@dataclass(frozen=True, slots=True)
class Announced:
    """A server that announces itself. Anybody in the network can: nothing of it is proved."""

    uuid: str
    name: str
    address: str  # host:port
    certificates: bytes | None  # PEM of its own authority, where it announces one


def discover(server: str, within: float, interfaces: Sequence[str] | None = None) -> Announced:
    """The server of that name or UUID.

    Args:
        server: Name or UUID; a UUID names one server only.
        within: Seconds to listen at the most.
        interfaces: Addresses of the interfaces to listen at, None for all.

    Raises:
        AdapterUnavailable: None, or more than one of that name, was heard.
    """
    from zeroconf import IPVersion, ServiceBrowser, Zeroconf

    zeroconf = Zeroconf(ip_version=IPVersion.V4Only) if interfaces is None else Zeroconf(interfaces=list(interfaces))
    heard, is_there = {}, threading.Event()

    def on_change(service_type: str, name: str, **_: Any) -> None:
        info = zeroconf.get_service_info(service_type, name, timeout=1000)
        if info is not None and (found := _read(info)) is not None:
            heard[found.uuid] = found
            if server == found.uuid:
                is_there.set()

    browser = ServiceBrowser(zeroconf, _SERVICE, handlers=[on_change])
    try:
        is_there.wait(within)
    finally:
        browser.cancel()
        zeroconf.close()
    return chosen(server, list(heard.values()), within)


def chosen(server: str, heard: Sequence[Announced], within: float) -> Announced:
    """The one of that name or UUID among those that were heard within so many seconds; raises as ``discover`` does."""
    matching = [found for found in heard if server in (found.uuid, found.name)]
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(f"{found.name} ({found.uuid}, {found.address})" for found in heard) or "none"
    if matching:
        raise AdapterUnavailable(f"{len(matching)} SiLA servers call themselves {server!r}: {known}; give the UUID")
    raise AdapterUnavailable(
        f"no SiLA server {server!r} was heard within {within:g} s; heard: {known}; start it, or state its address"
    )


def _read(info: Any) -> Announced | None:
    """What an announcement says; None where it has no address."""
    addresses = info.parsed_addresses()
    if not addresses or not info.port:
        return None
    texts = {key.decode(): value or b"" for key, value in info.properties.items()}
    lines = itertools.takewhile(lambda line: line is not None, (texts.get(f"ca{i}") for i in itertools.count()))
    authority = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines if line is not None)
    name = texts.get("server_name", b"").decode(errors="replace")
    return Announced(info.name.split(".")[0], name, f"{addresses[0]}:{info.port}", authority or None)
