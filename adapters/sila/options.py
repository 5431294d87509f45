"""Options of a ``sila2`` laboratory: which server, how it is trusted, and what is sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from adapters.common.folder import Jobs
from adapters.common.options import Options, read_options, resolve, spelt
from adapters.errors import AdapterOptionsError, AdapterUnavailable
from adapters.sila.connection import Connection, Security
from adapters.sila.discovery import discover
from loop.contracts import Adapter, AdapterContext, Delivery

EXAMPLE: Final = """\
laboratory:
  adapter: sila2
  address: robot.lab.example:50052
  root_certificates: robot.pem
"""
DELIVERY: Final = Delivery.KEYED
PREPARES_HERE: Final = True  # what was never started is a note in the folder, and goes to the address in the file
# How it is asked, not which laboratory it is: these may change while it has attempts.
FREE: Final = frozenset(
    {"within", "root_certificates", "certificate", "private_key", "timeout", "at_once", "procedure"}
)

Positive = Annotated[float, Field(gt=0)]


class Sila2Options(Options):
    """What a campaign file may say of a SiLA 2 server."""

    address: Annotated[str, spelt(r"[^\s/]+:\d{1,5}", "HOST:PORT, such as robot.lab.example:50052")] | None = None
    server: str | None = None  # its name or UUID, to be discovered in the network instead
    within: Positive = 5.0  # seconds to listen for it
    root_certificates: str | None = None  # PEM file; the system's trust store when left out
    certificate: str | None = None  # PEM file, where the server asks who calls
    private_key: str | None = None  # PEM file that belongs to it
    trust: Literal["certificates", "announced", "nothing"] = "certificates"  # announced: what a discovered server says
    # of itself; nothing: no encryption at all
    timeout: Positive = 10.0  # seconds for each call
    at_once: Annotated[int, Field(ge=1)] | None = None  # experiments that the server may have at one time
    procedure: Literal["sent", "left out"] = "sent"  # of a recipe; left out: the server works by a method of its own

    @model_validator(mode="after")
    def _check(self) -> Sila2Options:
        if (self.address is None) == (self.server is None):
            raise ValueError("an 'address' (host:port), or a 'server' to be discovered: one of the two")
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("'certificate' and 'private_key' together, or neither")
        if self.trust == "announced" and self.server is None:
            raise ValueError("trust 'announced' of a discovered 'server' alone; with an address, give certificates")
        if self.trust != "certificates" and (self.root_certificates or self.certificate):
            raise ValueError("certificates with trust 'certificates' alone; leave 'trust' out")
        return self


def lacking() -> str | None:
    """What this machine lacks for it, with the remedy."""
    return None if find_spec("sila2") is not None else "sila2 is not installed; pip install 'hakken[sila2]'"


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """A laboratory behind a SiLA 2 server, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown, missing or wrong, or a file that it names cannot be read.
        ImportError: sila2 is not installed.
    """
    from adapters.sila.laboratory import Sila2

    settings = read_options(Sila2Options, "sila2", options)
    if (lack := lacking()) is not None:
        raise ImportError(lack)
    read = {
        name: _read(context.base, name, getattr(settings, name))
        for name in ("root_certificates", "private_key", "certificate")
    }

    def connect() -> Connection:
        address, roots = settings.address, read["root_certificates"]
        if settings.server is not None:
            found = discover(settings.server, settings.within)
            address = found.address
            if settings.trust == "announced" and (roots := found.certificates) is None:
                raise AdapterUnavailable(f"the SiLA server {settings.server!r} announces no certificate to trust")
        assert address is not None
        security = Security(settings.trust == "nothing", roots, read["private_key"], read["certificate"])
        return Connection(address, security, settings.timeout)

    recipe = context.recipe if settings.procedure == "sent" else None
    return Sila2(Jobs(context.folder), connect, context.targets, settings.at_once, recipe)


def _read(base: str, option: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    path: Path = resolve(base, name)
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise AdapterOptionsError("sila2", [f"option {option!r}: {path} cannot be read ({error.strerror})"]) from None
    what = b"PRIVATE KEY-----" if option == "private_key" else b"-----BEGIN CERTIFICATE-----"
    if what not in pem:
        held = "private key" if option == "private_key" else "certificate"
        raise AdapterOptionsError(
            "sila2", [f"option {option!r}: {path} holds no {held} in PEM; name the file that does"]
        )
    return pem
