"""Options of an ``http`` laboratory. A secret never stands in a campaign file: ``$NAME`` says where it is found."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from adapters.common.addresses import parts_of, says_more, shows_secrets
from adapters.common.options import Options, check_units, read_options, spelt, unlike
from adapters.common.secret import misplaced
from adapters.errors import AdapterOptionsError
from loop.contracts import Adapter, AdapterContext, Delivery

EXAMPLE: Final = """\
laboratory:
  adapter: http
  url: https://robot.example/api
  token: $LAB_TOKEN  # the name of an environment variable; a secret never stands here
  properties: {yield: "%"}
"""
DELIVERY: Final = Delivery.KEYED
PREPARES_HERE: Final = True  # what was never started is a note in the folder, and goes to the address in the file
# How it is asked, not which laboratory it is: these may change while it has attempts. Another url may be another one.
FREE: Final = frozenset(
    {"token", "parallel", "timeout", "largest_reply", "ca", "notify", "webhook_keys", "webhook_window"}
)
KeyId = Annotated[str, spelt(r"[A-Za-z0-9_.-]{1,40}", "an id of 1 to 40 of a to z, A to Z, 0 to 9, _, - and dots")]
LARGEST: Final = 1024.0  # MiB
WINDOW: Final = 300.0  # seconds, as Standard Webhooks advises


class HttpOptions(Options):
    """What a campaign file may say of a laboratory reached over HTTP."""

    url: str  # of the laboratory; paths of the contract are added to it
    token: str | None = None  # $NAME of the environment variable that holds the bearer token
    properties: Annotated[dict[str, str], Field(min_length=1)] | None = None  # what it measures, with units
    parameters: Annotated[list[str], Field(min_length=1)] | None = None  # what it can set
    parallel: Annotated[int, Field(ge=1)] | None = None  # experiments at once
    cancels: bool = True  # whether it takes what it has not begun out of its queue
    simulated: bool = False  # whether its results are made up
    timeout: Annotated[float, Field(gt=0, le=600)] = 10.0  # seconds for a whole reply
    largest_reply: Annotated[float, Field(gt=0, le=LARGEST)] = 16.0  # MiB
    ca: str | None = None  # certificates to be trusted instead of the usual ones, as a PEM file
    notify: str | None = None  # where it sends messages to: hakken listen, as the laboratory sees it
    webhook_keys: dict[KeyId, str] = Field(default_factory=dict)  # by key id: $NAME
    webhook_window: Annotated[float, Field(gt=0, le=3600)] = WINDOW  # seconds that a signature is good for

    @field_validator("properties")
    @classmethod
    def _check_properties(cls, properties: dict[str, str] | None) -> dict[str, str] | None:
        return None if properties is None else check_units(properties)


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """A laboratory over HTTP from the laboratory section of a campaign file; it is not asked yet.

    Raises:
        AdapterOptionsError: An option is unknown, missing or wrong.
    """
    from adapters.http.laboratory import HttpLaboratory

    settings = http_options(options)
    if problems := unlike(settings.properties or {}, context.targets):
        raise AdapterOptionsError("http", problems)
    return HttpLaboratory.of(settings, context)


def lacking() -> str | None:
    """What this machine lacks for it, with the remedy; None for nothing."""
    return None if find_spec("httpx") else "httpx is not installed; pip install 'hakken[http]'"


def http_options(options: Mapping[str, Any]) -> HttpOptions:
    """The options, refused where one is wrong; what may be a secret by mistake is not repeated in the message.

    Raises:
        AdapterOptionsError: An option is unknown, missing or wrong.
    """
    problems = [*_misplaced(options), *_addresses(options)]
    if problems:
        raise AdapterOptionsError("http", problems)
    return read_options(HttpOptions, "http", options)


def webhook_keys(section: Mapping[str, Any]) -> dict[str, str]:
    """Names of the keys of every ``http`` laboratory in a laboratory section, those of ``several`` included: by key
    id, as ``$NAME``."""
    inner = section.get("laboratories")
    found: dict[str, str] = {}
    for part in inner.values() if isinstance(inner, Mapping) else ():
        if isinstance(part, Mapping):
            found |= webhook_keys(part)
    keys = section.get("webhook_keys")
    return found | ({str(k): str(v) for k, v in keys.items()} if isinstance(keys, Mapping) else {})


def webhook_window(section: Mapping[str, Any]) -> float:
    """Seconds that a signature is good for: the longest of those in a laboratory section."""
    inner = section.get("laboratories")
    parts = inner.values() if isinstance(inner, Mapping) else ()
    windows = [webhook_window(part) for part in parts if isinstance(part, Mapping) and "webhook_keys" in part]
    return float(section.get("webhook_window", max(windows, default=WINDOW)))


def _misplaced(options: Mapping[str, Any]) -> list[str]:
    keys = options.get("webhook_keys")
    held = {"token": options.get("token")}
    if isinstance(keys, Mapping):
        held |= {f"webhook_keys.{name}": value for name, value in keys.items()}
    elif keys is not None:
        held["webhook_keys"] = keys
    return misplaced(held, "$LAB_TOKEN")


def _addresses(options: Mapping[str, Any]) -> list[str]:
    problems = []
    for name in ("url", "notify"):
        value = options.get(name)
        if value is None:
            continue
        parts = parts_of(value)
        if parts is None:
            problems.append(f"option {name!r} must be an address such as https://robot.example/api")
        elif says_more(parts):
            problems.append(
                f"option {name!r} must be an address without name, password, ? and #; give a secret as token: $NAME"
            )
        elif name == "url" and options.get("token") and shows_secrets(parts):
            problems.append("option 'url' must begin with https:// where there is a token, which http:// would show")
    return problems
