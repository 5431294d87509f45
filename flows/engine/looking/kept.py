"""What was worked out of a record, kept in a file beside it, so that the next command need not work it out again.

The file bears the digest of all that decides the answer, and one of what it holds; with any other it is as if it were
not there. It may be deleted at any time; docs/decisions/0092 has the reasons.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import sysconfig
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, TypeVar

import flows
import loop
from adapters.common.durable import replace_bytes
from flows.engine.steps.planning import environment
from loop.own import is_own
from loop.spec import CampaignSpec

Answer = TypeVar("Answer")

BESIDE: Final = ("torch-geometric", "mordredcommunity", "sqlalchemy")  # packages that decide numbers, beside a round's
BEGAN: Final = time.time()  # as good as when this process began
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # that decide how sums are rounded


def learns_by_own(spec: CampaignSpec) -> bool:
    """Whether models of one's own say what is believed, of which nobody can say whether their code is what it was."""
    named = spec.planner.surrogate
    return any(is_own(name) for name in ([named] if isinstance(named, str) else named))


def kept(
    file: Path, asked: object, kinds: tuple[type, ...], work_out: Callable[[], Answer], *, by_own: bool = False
) -> Answer:
    """What ``work_out`` gives, from the file where that was worked out of the same before; else the file has it then.

    Args:
        file: Holds the last answer and nothing else.
        asked: All that decides the answer beside the code, the packages and the machine; told apart by its ``repr``.
        kinds: The dataclasses that the answer is made of, with plain values in them.
        work_out: Works the answer out.
        by_own: Whether code of one's own does (``learns_by_own``): then nothing is kept.
    """
    if by_own:
        return work_out()
    key, classes = _key_of(asked), {kind.__name__: kind for kind in kinds}
    if key is None:
        return work_out()
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):  # not there, not whole, or not ours
        return _read(file.read_bytes(), key, classes)  # type: ignore[no-any-return]
    found = work_out()
    with suppress(OSError, ValueError, KeyError, TypeError):  # nothing may be written here, or it cannot be kept
        data = _written(found, key)
        if _read(data, key, classes) == found and _is_as_begun():
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(file, data, is_durable=False)
    return found


def _key_of(asked: object) -> str | None:
    """The digest of all that decides an answer; None where nobody can say which code works it out."""
    try:
        if not _is_as_begun():
            return None
        threads = {name: os.environ.get(name) for name in THREADS}
        return hashlib.sha256(repr((asked, _here(), threads)).encode()).hexdigest()
    except OSError:  # a module was taken away
        return None


def _written(answer: object, key: str) -> bytes:
    body = json.dumps(_plain(answer)).encode()
    return f"{key} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def _read(data: bytes, key: str, classes: Mapping[str, type]) -> Any:
    """The answer in a file; ``ValueError`` where it is to something else, or not whole."""
    head, _, body = data.partition(b"\n")
    if head.decode().split() != [key, hashlib.sha256(body).hexdigest()]:
        raise ValueError("it answers something else, or is not whole")
    return _made(json.loads(body), classes)


def _plain(value: object) -> Any:
    """A value as JSON that says what it was made of: classes and containers are lists that begin with their name."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return ["tuple", [_plain(entry) for entry in value]]
    if isinstance(value, Mapping):
        return ["dict", [[_plain(key), _plain(entry)] for key, entry in value.items()]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, {name: _plain(getattr(value, name)) for name in _fields(type(value))}]
    raise TypeError(f"{type(value).__name__} is not kept")


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _made(plain: Any, classes: Mapping[str, type]) -> Any:
    """The value of which ``_plain`` said that."""
    if not isinstance(plain, list):
        return plain
    name, parts = plain
    if name == "tuple":
        return tuple(_made(entry, classes) for entry in parts)
    if name == "dict":
        return {_made(key, classes): _made(entry, classes) for key, entry in parts}
    return classes[name](**{field: _made(entry, classes) for field, entry in parts.items()})


@cache
def _here() -> tuple[object, ...]:
    """What decides the numbers in this process: its packages, hakken's code as it lies there, and the machine."""
    versions = dict(environment())
    for package in BESIDE:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    code = hashlib.sha256()
    for source in _sources():
        text = source.read_bytes()
        code.update(f"{source.name} {len(text)}\n".encode() + text)
    return (tuple(versions.items()), code.hexdigest(), platform.node(), platform.machine(), platform.processor())


@cache
def _sources() -> tuple[Path, ...]:
    """hakken's own text, in order."""
    return tuple(source for part in (loop, flows) for source in sorted(Path(str(part.__file__)).parent.rglob("*.py")))


def _is_as_begun() -> bool:
    """Whether nothing of hakken's text was changed, and no package installed or taken away, while this process ran.

    Modules are loaded when they are asked for: of a process that outlives an update nobody knows which code answered.
    That others may enter the folder of packages is no such change: a PostgreSQL that comes as one sees to it.
    """
    installed = (Path(sysconfig.get_path(which)) for which in ("purelib", "platlib"))
    return all(source.stat().st_ctime < BEGAN for source in _sources()) and all(
        folder.stat().st_mtime < BEGAN for folder in installed
    )
