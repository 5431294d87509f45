"""Reading a campaign file: text in, a resolved spec out, and one message for each fault."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from loop.errors import HakkenError, SpecError, did_you_mean
from loop.spec.analysis import resolve_analysis
from loop.spec.checks.designing import Made
from loop.spec.checks.whole import check_whole, with_design
from loop.spec.cost_models import CostsSpec
from loop.spec.describing import resolve_descriptors
from loop.spec.faults import all_described
from loop.spec.library_models import Libraries
from loop.spec.lines import Lines, load_yaml
from loop.spec.models import CampaignSpec
from loop.spec.pricing import of_name, resolve_prices
from loop.spec.space_models import ParameterSpec
from loop.spec.tables import ReadFile, resolve_options


def read_spec(
    text: str, *, source: str, read: ReadFile, libraries: Libraries | None = None, made: Made = lambda _: 0
) -> CampaignSpec:
    """Read, check and resolve a campaign file.

    Args:
        text: The YAML text.
        source: Its name, for messages.
        read: Gives the text of a file that the spec names (relative to the spec).
        libraries: Reads the files of every ``type: molecule``; without it they are read as CSV text, each line of which
            must be sound.
        made: How many experiments are on record of the campaign of a name, none of any by default: an initial design
            that was made needs no budget any more.

    Returns:
        A resolved spec: options of every component are in it, with canonical SMILES and the descriptors that are
        given, so that it is complete in itself and can be stored. Of a large library it holds the key instead.

    Raises:
        SpecError: With one message for each fault, each naming line, rule and remedy.
    """
    data, lines = load_yaml(text, source)
    try:
        spec = CampaignSpec.model_validate(data)
    except ValidationError as error:
        problems = all_described(error.errors(), lines)
        raise SpecError("\n".join(problems), problems) from None
    space: dict[str, ParameterSpec] = {}
    for name, parameter in spec.space.items():
        try:
            space[name] = resolve_options(parameter, read, libraries)
        except HakkenError as error:
            raise SpecError(f"{lines.where(('space', name))}: {error}") from None
        try:
            space[name] = resolve_descriptors(space[name], parameter, read)
        except HakkenError as error:
            raise SpecError(f"{lines.where(('space', name, 'descriptors'))}: {error}") from None
    try:
        analysis = resolve_analysis(spec.analysis, read)
    except HakkenError as error:
        raise SpecError(f"{lines.where(('analysis',))}: {error}") from None
    costs = _with_prices(spec, space, read, lines)
    spec = spec.model_copy(update={"space": space, "analysis": analysis, "costs": costs})
    check_whole(spec, lines, made)
    return with_design(spec, lines, made)


def _with_prices(
    spec: CampaignSpec, space: Mapping[str, ParameterSpec], read: ReadFile, lines: Lines
) -> CostsSpec | None:
    """The costs with the prices that stand in tables among those of options."""
    if spec.costs is None or not (spec.costs.prices or spec.costs.once):
        return spec.costs
    options, once = dict(spec.costs.options or {}), dict(spec.costs.once or {})
    per_use = [("prices", "options", *entry) for entry in (spec.costs.prices or {}).items()]
    bottles = [("once", "once", name, column) for name, column in once.items() if isinstance(column, str)]
    for key, filled, name, column in [*per_use, *bottles]:
        try:
            written = of_name(spec.space, name)
            if written is None:
                raise SpecError(f"the space has no parameter {name!r}{did_you_mean(name, spec.space)}")
            if key == "prices" and name in options:
                raise SpecError(f"{name!r} has prices here and under costs.options; keep one of them")
            found = resolve_prices(filled, column, name, written, of_name(space, name), read)
        except HakkenError as error:
            raise SpecError(f"{lines.where(('costs', key, name))}: {error}") from None
        if key == "prices":
            options[name] = found
        else:
            once[name] = found
    changed = {"options": options or None, "prices": None, "once": once or None}
    return spec.costs.model_copy(update=changed)
