"""Adapters of one's own: ``MODULE:NAME`` in a campaign file, in a module beside that file or installed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from adapters.guarded import guarded
from loop.contracts import Adapter, AdapterContext
from loop.errors import AdapterError, HakkenError


def build_own(name: str, options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    """The adapter that ``MODULE:NAME`` makes, called with the options and the context, behind a guard.

    Raises:
        AdapterError: There is no such module or name, it fails, or what comes of it is no adapter.
    """
    return guarded(lambda: _make(name, options, context), name, context.folder, stamp(name, context.base))


def stamp(name: str, folder: str) -> Callable[[], int]:
    """What tells another number when the module of ``MODULE:NAME`` beside the campaign file was changed."""
    return lambda: _written(_beside(name.partition(":")[0], folder))


def _make(name: str, options: Mapping[str, Any], context: AdapterContext) -> Adapter:
    called = _named(name, context.base)
    try:
        adapter = called(options, context)
    except HakkenError:
        raise
    except (Exception, SystemExit) as error:
        raise AdapterError(f"adapter {name!r} could not be made ({type(error).__name__}: {error}); mend it") from error
    if isinstance(adapter, Adapter):
        return adapter
    methods = [m for m in vars(Adapter) if not m.startswith("_") and callable(getattr(Adapter, m))]
    lacks = [m for m in methods if not callable(getattr(adapter, m, None))]
    raise AdapterError(
        f"adapter {name!r}: {type(adapter).__name__} lacks {', '.join(lacks)}; see docs/guide/adapters.md"
    )


def _written(path: Path) -> int:
    """When a file was written, in ns; 0 where there is none."""
    return path.stat().st_mtime_ns if path.is_file() else 0


def _beside(module: str, folder: str) -> Path:
    return Path(folder, *module.split(".")).with_suffix(".py").absolute()


def _named(name: str, folder: str) -> Callable[..., object]:
    """What is to be called of one's own."""
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
        raise AdapterError(f"adapter {name!r}: one of your own is named MODULE:NAME, such as balance:Balance")
    module, _, attribute = name.partition(":")
    try:
        found = getattr(_module(module, folder), attribute, None)
    except ModuleNotFoundError as error:
        raise AdapterError(
            f"adapter {name!r}: no module {error.name!r} beside the campaign file or installed"
        ) from None
    except (Exception, SystemExit) as error:
        raise AdapterError(f"adapter {name!r} cannot be imported ({type(error).__name__}: {error}); mend it") from error
    if not callable(found):
        raise AdapterError(f"adapter {name!r}: module {module!r} has no {attribute!r} to be called; correct the name")
    return cast(Callable[..., object], found)


def _module(name: str, folder: str) -> ModuleType:
    """The module beside the campaign file, else an installed one. Two campaigns may each have one of the same name."""
    path = _beside(name, folder)
    if not path.is_file():
        return import_module(name)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what it imports from beside it; last, so that it hides nothing
    known = f"{path}:{_written(path)}"
    if known not in sys.modules:
        spec = spec_from_file_location(known, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[known] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[known])
        except BaseException:
            del sys.modules[known]
            raise
    return sys.modules[known]
