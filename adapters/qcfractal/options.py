"""Options of a ``qcfractal`` laboratory: which server, which dataset, which calculation, and what is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from adapters.common.addresses import parts_of, says_more, shows_secrets
from adapters.common.options import Options, check_units, measured, read_options
from adapters.common.secret import misplaced
from adapters.errors import AdapterOptionsError
from loop.contracts import Adapter, AdapterContext, Delivery

EXAMPLE: Final = """\
laboratory:
  adapter: qcfractal
  address: https://qcfractal.example
  username: chem17
  password: $QCFRACTAL_PASSWORD  # the name of an environment variable; a secret never stands here
  program: psi4
  method: b3lyp-d3bj
  basis: def2-svp
"""
DELIVERY: Final = Delivery.KEYED  # a dataset has one entry of a name, and one record for it
PREPARES_HERE: Final = True  # what was never started is a note in the folder, and goes to the address in the file
# How it is asked, not which laboratory it is: these may change while it has attempts.
FREE: Final = frozenset({"username", "password", "token", "verify", "tag", "priority", "workers", "poll"})
TOTALS: Final = frozenset({"energy"})  # energies that other atoms do not share
REMEDY: Final = "pip install 'hakken[qcfractal]'"


class Reading(Options):
    """A property as a record has it."""

    name: str  # in the record's properties, such as mp2_total_energy; of a vector its length is read
    unit: str = ""  # in which the program gives it

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str) -> str:
        return check_units({"it": unit})["it"]


class QcfractalOptions(Options):
    """What a campaign file may say of a QCFractal server as laboratory."""

    address: str  # of the server
    program: str  # as QCEngine calls it: psi4, nwchem, mopac, rdkit
    method: str
    basis: str | None = None
    keywords: dict[str, Any] = Field(default_factory=dict)  # of the program
    driver: Literal["energy", "gradient", "properties"] = "energy"
    optimise: bool = False  # by geomeTRIC where the managers run; then the last geometry is read
    properties: dict[str, Reading] = Field(default_factory=dict)  # beside energy and dipole
    dataset: Annotated[str, Field(min_length=1, max_length=200)] | None = None  # hakken and the campaign's name
    reuse: bool = True  # whether a complete record of just this calculation is read instead of computed anew
    seed: int = 0  # chooses the conformer
    username: str | None = None
    password: str | None = None  # $NAME of the environment variable that holds it
    token: str | None = None  # $NAME likewise, of an API token instead of username and password
    verify: bool = True  # whether the server's certificate is checked
    tag: str = "*"  # compute tag: which managers may take the records up
    priority: Literal["low", "normal", "high"] = "normal"
    workers: Annotated[int, Field(ge=1)] = 100  # records with the server at once
    poll: Annotated[float, Field(ge=0)] = 5.0  # seconds between two looks at the records at the least


HOW: Final = (QcfractalOptions, FREE | {"address", "dataset", "reuse"})


def build(options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """A QCFractal server as laboratory, from the laboratory section of a campaign file; it is not asked yet.

    Raises:
        AdapterOptionsError: An option is unknown, missing or wrong, or a target is not among the properties.
    """
    from adapters.qcfractal.laboratory import QcfractalLaboratory

    settings = qcfractal_options(options)
    laboratory = QcfractalLaboratory(context.folder, settings, settings.dataset or f"hakken {context.campaign}")
    measured("qcfractal", laboratory.properties, context.targets)
    return laboratory


def lacking() -> str | None:
    """What this machine lacks for it, with the remedy; None for nothing."""
    return None if find_spec("qcportal") else f"qcportal is not installed; {REMEDY}"


def qcfractal_options(options: Mapping[str, Any]) -> QcfractalOptions:
    """The options; what may be a secret by mistake is not repeated in a message.

    Raises:
        AdapterOptionsError: An option is unknown, missing or wrong.
    """
    problems = misplaced({name: options.get(name) for name in ("password", "token")}, "$QCFRACTAL_PASSWORD")
    if problems:
        raise AdapterOptionsError("qcfractal", problems)
    settings = read_options(QcfractalOptions, "qcfractal", options)
    if problems := [*_address(settings), *_login(settings)]:
        raise AdapterOptionsError("qcfractal", problems)
    return settings


def _address(settings: QcfractalOptions) -> list[str]:
    parts = parts_of(settings.address)
    if parts is None:
        return ["option 'address' must be an address such as https://qcfractal.example"]
    if says_more(parts):
        return ["option 'address' must be without name, password, ? and #; give them as username and password: $NAME"]
    if (settings.password or settings.token) and shows_secrets(parts):
        there = parts.port or 80
        here = there if there >= 1024 else 8080  # what is below is root's
        tunnel = f"(ssh -L {here}:localhost:{there} {parts.hostname}), and give http://localhost:{here}"
        return [
            "option 'address' must begin with https:// where there is a password, which http:// would show; where the "
            f"server speaks http only, lead it here {tunnel}"
        ]
    return []


def _login(settings: QcfractalOptions) -> list[str]:
    if (settings.username is None) != (settings.password is None):
        lack = "password" if settings.password is None else "username"
        return [f"username and password go together; add {lack!r}, or leave both out"]
    if settings.token is not None and settings.username is not None:
        return ["a token stands instead of username and password; keep one of the two"]
    return []
