"""Access: who may ask, by tokens that a file names and the environment holds; without them only this machine may."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from adapters.common.secret import secret
from loop.errors import AdapterUnavailable, HakkenError

SHORTEST: Final = 16  # characters of a token
MAY: Final = ("look", "ask", "decide")  # what a token allows, each all that stands before it
LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class AccessError(HakkenError):
    """The tokens cannot be used, or none are given where others than this machine could ask; mend that."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what is allowed: to look, to ask and tell (``may_write``), to decide."""

    name: str
    may_write: bool = True
    may_decide: bool = True


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        tokens: By token, who has it; empty where everybody on this machine may ask.
        local: As whom everybody on this machine asks then.
    """

    tokens: Mapping[str, Caller]
    local: str

    def caller(self, authorization: str) -> Caller | None:
        """Who makes a request with this ``Authorization`` header; None where nobody that is known does.

        A token comes as ``Bearer TOKEN``, or from a browser as the password of ``Basic``.
        """
        if not self.tokens:
            return Caller(self.local)
        given = _token_in(authorization).encode()
        found = [caller for token, caller in self.tokens.items() if hmac.compare_digest(token.encode(), given)]
        return found[0] if found else None

    def is_at_home(self, host: str) -> bool:
        """Whether a request may be answered by its ``Host`` header.

        Without tokens only one that names this machine: a page elsewhere whose name was made to lead here is refused.
        """
        return bool(self.tokens) or _without_port(host) in LOCAL


def access_of(tokens: Path | None, *, host: str, local: str) -> Access:
    """Who may ask at ``host``.

    Args:
        tokens: A YAML file of names, each with ``$VARIABLE`` or ``{token: $VARIABLE, may: look}``, where ``may`` is
            look, ask (when left out) or decide; None for none.
        host: Where the service listens.
        local: Who is named in the record where there are no tokens.

    Raises:
        AccessError: The file cannot be used, a variable is missing or too short, or there are no tokens and ``host``
            can be reached from elsewhere.
    """
    if tokens is None:
        if host not in LOCAL:
            raise AccessError(
                f"{host} can be reached from elsewhere; name who may ask with --tokens FILE, or listen at 127.0.0.1"
            )
        return Access({}, local)
    found: dict[str, Caller] = {}
    for name, said in _read(tokens).items():
        reference, may = _entry(tokens, name, said)
        try:
            token = secret(reference)
        except AdapterUnavailable as error:
            raise AccessError(f"{tokens}: {name!r}: {str(error).replace('the laboratory', 'that client')}") from None
        if len(token) < SHORTEST:
            raise AccessError(
                f"{tokens}: {name!r}: its token has {len(token)} characters, and {SHORTEST} are the fewest; make one "
                'such as by python -c "import secrets; print(secrets.token_urlsafe())"'
            )
        if token in found:
            raise AccessError(f"{tokens}: {name!r} and {found[token].name!r} have one token; give each its own")
        found[token] = Caller(name, may_write=may != "look", may_decide=may == "decide")
    return Access(found, local)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AccessError(f"{path} cannot be read ({error}); give a YAML file of names and tokens") from None
    if not isinstance(said, dict) or not said:
        raise AccessError(f"{path} must name who may ask, such as 'robot: $ROBOT_TOKEN'")
    for name in said:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise AccessError(f"{path}: {name!r} must be a name of letters, digits or any of _.-")
    return said


def _entry(path: Path, name: str, said: object) -> tuple[str, str]:
    """The variable that holds a token, and what whoever has it may do."""
    entry = said if isinstance(said, dict) else {"token": said}
    reference, may = entry.get("token"), entry.get("may", "ask")
    if set(entry) - {"token", "may"} or may not in MAY:
        raise AccessError(f"{path}: {name!r} must be $VARIABLE, or {{token: $VARIABLE, may: {' or '.join(MAY)}}}")
    if not (isinstance(reference, str) and re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", reference)):
        raise AccessError(
            f"{path}: {name!r} must name an environment variable, such as $ROBOT_TOKEN; a token itself never stands "
            "in a file"
        )
    return reference, str(may)


def _token_in(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _without_port(host: str) -> str:
    """A host's name as a ``Host`` header has it, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
