"""The catalogue: every adapter and executor that a campaign file can name, its options, and an example to paste."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final, Literal

from adapters import registry
from adapters.common.options import Options
from adapters.common.told_options import Option, options_in
from adapters.executors import placing
from adapters.executors.placing import ComputeOptions
from loop.contracts import AdapterContext, Delivery
from loop.errors import AdapterError, UnknownName

DELIVERIES: Final = {
    Delivery.KEYED: "keyed: refuses a key that it knows",
    Delivery.TWO_PHASE: "two-phase: prepared, then started",
    Delivery.DISCOVERABLE: "discoverable: looked up before it is sent again",
    Delivery.BLIND: "blind: on doubt a person decides",
}
_BY_EXECUTOR: Final = "that of its executor (run_on)"
_BY_SETTINGS: Final = "as it is set up in a campaign file"


@dataclass(frozen=True, slots=True)
class Known:
    """An adapter or executor, as far as it can be known without a campaign."""

    kind: Literal["adapter", "executor"]
    name: str
    summary: str
    delivery: str  # how it guards against doubled experiments, in words
    lacking: str | None  # what this machine lacks for it, with the remedy


def catalogue() -> tuple[Known, ...]:
    """Everything there is: adapters by name, then executors."""
    adapters = [_adapter(name, summary) for name, summary in registry.describe()]
    return (*adapters, *(_executor(name, summary) for name, summary in placing.executors()))


def known(name: str) -> Known:
    """The adapter or executor of that name.

    Raises:
        UnknownName: There is none.
    """
    names = [n for n, _ in (*registry.describe(), *placing.executors())]
    if name not in names:
        raise UnknownName("adapter or executor", name, names)
    adapter = dict(registry.describe()).get(name)
    return _executor(name, dict(placing.executors())[name]) if adapter is None else _adapter(name, adapter)


def options_of(entry: Known) -> tuple[Option, ...]:
    """What a campaign file may say of it, the required ones first, then its own, then those of every calculation."""
    model = _model(entry)
    if model is None:
        return ()
    return options_in(model, ComputeOptions)


def example_of(entry: Known) -> str:
    """A ``laboratory`` section to paste; its required options alone where its module gives none."""
    module = _module(entry)
    if isinstance(example := getattr(module, "EXAMPLE", None), str):
        return example
    needed = [o for o in options_of(entry) if o.default is None and "." not in o.name]
    required = [f"{option.name}: ...  # {option.value}" for option in needed]
    if entry.kind == "adapter":
        return "\n".join(["laboratory:", f"  adapter: {entry.name}", *(f"  {line}" for line in required)]) + "\n"
    inner = [f"      {line}" for line in required]
    run_on = [f"  run_on:\n    {entry.name}:", *inner] if inner else [f"  run_on: {entry.name}"]
    return "\n".join(["laboratory:", "  adapter: xtb", *run_on]) + "\n"


def _adapter(name: str, summary: str) -> Known:
    try:
        module = import_module(registry.module_of(name))
    except ImportError as error:
        return Known("adapter", name, summary, _BY_SETTINGS, f"{error}; pip install 'hakken[{name}]'")
    model = _options_in(module, name)
    delivery, lacking = _tried(name)
    if (declared := getattr(module, "DELIVERY", None)) is not None:
        delivery = DELIVERIES[declared]
    elif model is not None and issubclass(model, ComputeOptions):
        delivery = _BY_EXECUTOR
    if (look := getattr(module, "lacking", None)) is not None:
        lacking = look()
    return Known("adapter", name, summary, delivery, lacking)


def _executor(name: str, summary: str) -> Known:
    module = import_module(placing.module_of(name))
    return Known("executor", name, summary, DELIVERIES[module.DELIVERY], placing.lacking(name))


def _tried(name: str) -> tuple[str, str | None]:
    """How it delivers and what it lacks, as far as it can be built without a campaign's settings."""
    with TemporaryDirectory() as folder:
        context = AdapterContext(folder=folder, base=folder, campaign="catalogue", targets={})
        try:
            laboratory = registry.build(name, {}, context)
            health = laboratory.health()
        except AdapterError:
            return _BY_SETTINGS, None
        except ImportError as error:
            return _BY_SETTINGS, f"{error}; pip install 'hakken[{name}]'"
        return DELIVERIES[laboratory.capabilities().delivery], None if health.is_ok else health.message


def _module(entry: Known) -> ModuleType:
    return import_module((registry if entry.kind == "adapter" else placing).module_of(entry.name))


def _model(entry: Known) -> type[Options] | None:
    try:
        return _options_in(_module(entry), entry.name)
    except ImportError:
        return None


def _options_in(module: ModuleType, name: str) -> type[Options] | None:
    """The options that a module defines: of several models the one called like the adapter."""
    found = {
        member.__name__.lower(): member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Options) and member.__module__ == module.__name__
    }
    return found.get(f"{name.replace('_', '')}options") or next(reversed(found.values()), None)
