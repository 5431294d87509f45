"""Coming to a QCFractal server: whether it is one, and what its silence or its refusal means, with the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from adapters.common.secret import secret
from adapters.errors import AdapterUnavailable
from adapters.qcfractal.options import QcfractalOptions

_PATIENCE: Final = 30.0  # seconds for the server to answer
_LONG: Final = 400  # characters of an answer that are told


def connected(settings: QcfractalOptions) -> Any:
    """A client of the server, logged in.

    Raises:
        AdapterUnavailable: There is no QCFractal at the address, or the secret is none.
        Exception: Whatever qcportal and requests raise; ``meaning`` says what it means.
    """
    # Its client tries for 16 s to connect before it says that nobody is there.
    _check_is_there(settings, _asked("get", settings, "api/v1/ping"))
    client = import_module("qcportal").PortalClient(
        _root(settings), verify=settings.verify, show_motd=False, **_login(settings)
    )
    client.retry_max, client.timeout = 0, _PATIENCE  # what is asked again is ours to decide
    return client


def meaning(error: Exception, settings: QcfractalOptions) -> str | None:
    """What an error of qcportal or requests means, and the way out; None for what is an error of ours.

    An answer that belongs to one request alone is none of these: see ``refusal``.
    """
    where = f"QCFractal at {settings.address}"
    kind, text = type(error).__name__, " ".join(str(error).split()) or type(error).__name__
    code = getattr(error, "status_code", 0) if kind == "PortalRequestError" else 0
    if kind == "AuthenticationFailure" and (trouble := _trouble_at_login(settings)):
        return f"{where} cannot check the login now ({trouble}); see its log, and whether its database is up"
    has_login = settings.token is not None or settings.password is not None
    if kind == "AuthenticationFailure" or (code in (401, 422) and has_login):  # 422: it does not know such tokens
        return f"{where} refuses the login ({text}); mend username and password, or the token"
    if code in (401, 403):
        return f"{where} does not let us ({text}); give a login with the role submit"
    if kind == "SSLError":
        unchecked = "verify: false takes it unchecked, where the network can be trusted"
        return f"the certificate of {where} is not trusted here ({_innermost(error)}); {unchecked}"
    if isinstance(error, OSError | RuntimeError | ValueError):  # what requests, jwt and pydantic raise
        return f"{where} gives no answer ({_innermost(error)}); start it, or mend the address"
    return None


def refusal(error: Exception, settings: QcfractalOptions, client: Any) -> str:
    """What the server's answer to one request means; ``client`` is None where it let none in."""
    text = " ".join(str(error).split())
    short = text if len(text) <= _LONG else f"{text[: _LONG // 4]} [...] {text[-_LONG // 2 :]}"  # such as its traceback
    said = f"QCFractal at {settings.address} answers: {short}"
    here, there = ("", "") if client is None else versions(client)
    if here == there:
        return f"{said}; see its log"
    return f"{said}, where it is version {there} and qcportal here {here}; update the older one, and see its log"


def versions(client: Any) -> tuple[str, str]:
    """Of qcportal here, and of the server."""
    return str(import_module("qcportal").__version__), str(client.server_info["version"])


def _check_is_there(settings: QcfractalOptions, reply: Any) -> None:
    """Raise ``AdapterUnavailable`` unless it is QCFractal that answers to a ping."""
    said = f"{reply.status_code} {reply.reason}"
    if reply.is_redirect:
        to = reply.headers["Location"]
        raise AdapterUnavailable(f"{settings.address} sends on to {to}; give the address where that leads")
    if reply.status_code >= 500:
        raise AdapterUnavailable(f"QCFractal at {settings.address} answers: {said}; see its log")
    if not reply.ok or not _is_pong(reply):
        why = "its answer is another's" if reply.ok else said
        raise AdapterUnavailable(f"there is no QCFractal at {settings.address} ({why}); mend the address")


def _is_pong(reply: Any) -> bool:
    try:
        said = reply.json()
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("success") is True


def _trouble_at_login(settings: QcfractalOptions) -> str | None:
    """What keeps the server from checking a login; None where it is the login. Its client does not tell them apart."""
    login = _login(settings)
    try:
        if "api_token" in login:
            bearer = {"Authorization": f"Bearer {login['api_token']}"}
            reply = _asked("get", settings, "api/v1/me", headers=bearer)
        else:
            reply = _asked("post", settings, "auth/v1/login", json=login)
    except OSError as error:  # as those of requests are
        return _innermost(error)
    return f"{reply.status_code} {reply.reason}" if reply.status_code >= 500 else None


def _login(settings: QcfractalOptions) -> Mapping[str, str]:
    if settings.token is not None:
        token = secret(settings.token)
        if not import_module("qcportal.auth").looks_like_api_token(token):
            name = settings.token.removeprefix("$")
            raise AdapterUnavailable(f"the environment variable {name} holds no API token of QCFractal; set it to one")
        return {"api_token": token}
    if settings.username is not None and settings.password is not None:
        return {"username": settings.username, "password": secret(settings.password)}
    return {}


def _asked(method: str, settings: QcfractalOptions, path: str, **told: Any) -> Any:
    how = {"timeout": _PATIENCE, "verify": settings.verify, "allow_redirects": False}
    return getattr(import_module("requests"), method)(f"{_root(settings)}/{path}", **how, **told)


def _root(settings: QcfractalOptions) -> str:
    return settings.address.rstrip("/")


def _innermost(error: BaseException) -> str:
    """What lies at the bottom of a connection's failure, without the layers that each tell it again."""
    within: BaseException | None = error
    while within is not None:
        error = within
        among = (getattr(error, "reason", None), error.__cause__, *error.args)
        within = next((one for one in among if isinstance(one, BaseException) and one is not error), None)
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
