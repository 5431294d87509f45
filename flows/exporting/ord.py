"""Results as reactions of the Open Reaction Database, negatives included: .pb, .pb.gz, .pbtxt or .json.

Needs ``ord-schema`` (``pip install 'hakken[ord]'``), which holds the definition of the messages and checks them.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.durable import replace_bytes
from flows.engine.looking.view import View
from flows.exporting.ord_messages import NEGATIVE, SETTING, Messages
from flows.exporting.paths import ExportError, check_path
from loop.circumstances import actual_of
from loop.errors import RecipeError
from loop.fidelity import counts
from loop.outcome import Fault, Measured, Measurement, Negative, Qualifier
from loop.recipe import work_out
from loop.recipe.text import say
from loop.record import ObservationRecord, Settings
from loop.spec import CampaignSpec, build_recipe
from loop.spec.space_models import CategorySpec, ComponentSpec, MixtureSpec, NumberSpec
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings as Where
    from loop.recipe import Recipe

ENDINGS: Final = (".pb", ".pb.gz", ".pbtxt", ".json")
_PERSON: Final = re.compile(r"\s*([^<>]*?)\s*(?:<([^<>@\s]+@[^<>@\s]+)>)?\s*")
_ROLES: Final = {  # by what a parameter or its role is called
    "solvent": "SOLVENT", "cosolvent": "SOLVENT", "catalyst": "CATALYST", "precatalyst": "CATALYST",
    "ligand": "CATALYST", "metal": "CATALYST", "photocatalyst": "CATALYST", "base": "REAGENT", "acid": "REAGENT",
    "additive": "REAGENT", "reagent": "REAGENT", "oxidant": "REAGENT", "reductant": "REAGENT", "activator": "REAGENT",
    "electrophile": "REACTANT", "nucleophile": "REACTANT", "substrate": "REACTANT", "reactant": "REACTANT",
    "amine": "REACTANT", "halide": "REACTANT", "aryl_halide": "REACTANT", "boronic_acid": "REACTANT",
}  # fmt: skip


class OrdError(ExportError):
    """The campaign's results cannot be said as reactions; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds.

    Attributes:
        reactions: How many results are in it, measured and negative.
        notes: What is left out, or stands where other programs do not look for it.
    """

    reactions: int
    notes: tuple[str, ...]


def is_ord(path: Path) -> bool:
    """Whether a file's ending is one of the Open Reaction Database's, and of no table."""
    return path.name.lower().endswith(ENDINGS)


def export_ord(
    where: Where, name: str, path: Path, *, by: str, product: str | None = None, overwrite: bool = False
) -> Written:
    """Write every result of a campaign that counts, but faults, as a dataset that ord-schema's own checks find sound.

    Args:
        where: The record's place.
        name: The campaign.
        path: The file, whole or not at all; its ending says how it is written.
        by: Who gives the data to others: ``NAME <E-MAIL>``.
        product: SMILES of the desired product, where all candidates have the same.

    Raises:
        NotFound: There is no such campaign.
        ExportError: ord-schema is not installed, the file is there already, nothing was measured, ``product`` or ``by``
            cannot be read, or what is made of it does not pass ord-schema's checks.
    """
    check_path(path, overwrite=overwrite)
    messages = Messages.load()
    if messages is None:
        raise OrdError(
            f"{path.name} is of the Open Reaction Database: writing that needs ord-schema; pip install 'hakken[ord]'"
        )
    from flows.wiring import open_record

    with open_record(where) as ledger:
        view = View(ledger, name)
        writer = _Writer(view, messages, _person(by), None if product is None else _smiles(product))
        dataset, notes = writer.dataset()
    if wrong := messages.faults_of(dataset):
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise OrdError(f"ord-schema finds fault with what was made of {name!r}: {wrong[0]}{more}; nothing was written")
    data = messages.written(dataset, path.name.removesuffix(".gz"))
    replace_bytes(path, gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    return Written(len(dataset.reactions), notes)


def _person(by: str) -> tuple[str, str]:
    """Name and e-mail address."""
    found = _PERSON.fullmatch(by)
    if found is None or not found[1] or not found[2]:
        raise OrdError(
            f"the database wants the name and the e-mail address of who gives it data: --by 'NAME <E-MAIL>', got {by!r}"
        )
    return found[1], found[2]


def _smiles(text: str) -> str:
    from loop.errors import MoleculeError
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where a structure is read

    try:
        return canonical_smiles(text)
    except MoleculeError as error:
        raise OrdError(f"--product: {error}") from None


class _Writer:
    """Makes the dataset of one campaign."""

    def __init__(self, view: View, messages: Messages, person: tuple[str, str], product: str | None) -> None:
        self._view, self._make, self._person, self._product = view, messages, person, product
        self._spec: CampaignSpec = view.spec
        self._recipe: Recipe | None = build_recipe(view.spec)
        self._beside: Counter[str] = Counter()  # settings that are no condition of the schema

    def dataset(self) -> tuple[Any, tuple[str, ...]]:
        """The dataset and notes on it; raises ``OrdError`` where no result can be in it."""
        every = self._view.observations
        results = [
            o for o in every if not isinstance(o.outcome, Fault) and counts(self._view.campaign.spec, o.settings)
        ]
        if not results:
            raise OrdError(
                f"campaign {self._view.name!r} has no result yet that is a reaction: a measured one, or a negative"
            )
        made = [(o, reaction) for o in results if (reaction := self._reaction(o)).inputs]
        if not made:
            raise OrdError(
                f"campaign {self._view.name!r} varies no substance that goes into a reaction, and one of the Open "
                "Reaction Database needs some: add a recipe, or write a table (.csv, .parquet, .xlsx)"
            )
        told = self._view.campaign.spec.get("description") or f"Results of the campaign {self._view.name}"
        negatives = sum(isinstance(o.outcome, Negative) for o, _ in made)
        said = f"{plural(len(made), 'result')}, {negatives} of them negative"
        dataset = self._make.dataset(
            name=self._view.name,
            description=f"{told.rstrip('.')}. {said}; written by hakken.",
            id=f"ord_dataset-{_hex(self._view.campaign.id)}",
            reactions=[reaction for _, reaction in made],
        )
        return dataset, tuple(self._notes(len(every) - len(results), len(results) - len(made)))

    def _notes(self, left_out: int, bare: int) -> Sequence[str]:
        notes = []
        if bare:
            notes.append(f"{plural(bare, 'result')} left out, with no substance in it; a recipe says what else goes in")
        if left_out:
            notes.append(
                f"{plural(left_out, 'result')} left out: faults, which say nothing of the reaction, and cheap versions"
            )
        if self._recipe is None:
            notes.append("amounts are not recorded, since the campaign file has no recipe; the dataset says so of each")
        if self._product is None:
            notes.append("the product has a name and no structure; --product SMILES gives it one")
        if self._beside:
            names = ", ".join(sorted(self._beside))
            notes.append(
                f"{names}: no condition of the schema, so each stands in provenance.reaction_metadata and in words"
            )
        return notes

    def _reaction(self, o: ObservationRecord) -> Any:
        reaction = self._make.reaction(id=f"ord-{_hex(o.id)}")
        given = self._make.product(reaction, self._product, "the desired product")
        settings = {
            **self._view.space.with_earlier(o.settings),
            **actual_of(o.context),
        }  # as it was made, where that was told
        words = self._inputs(reaction, o, settings)
        for name, value in settings.items():
            words += self._setting(reaction, o, name, value)
        assert isinstance(o.outcome, Measured | Negative)
        for m in o.outcome.measurements:
            self._make.measured(reaction, given, m.property, *_said(m))
        if isinstance(o.outcome, Negative):
            self._make.metadata(reaction, NEGATIVE, o.outcome.reason, "ran as intended, and the answer was no")
            words.append(f"negative: {o.outcome.reason}")
        if comment := o.context.get("comment"):
            words.append(str(comment))
        reaction.notes.procedure_details = "; ".join(words) or "as the settings say"
        self._make.provenance(reaction, self._person, o.recorded)
        return reaction

    def _inputs(self, reaction: Any, o: ObservationRecord, settings: Settings) -> list[str]:
        """What goes in: by the recipe, or else every component without an amount; in words what is done."""
        if self._recipe is not None:
            try:
                procedure = work_out(self._recipe, settings)
            except RecipeError:  # it was told, or the recipe was changed since
                pass
            else:
                self._make.of_recipe(reaction, self._recipe, procedure, self._roles())
                return [" ".join(say(self._recipe, procedure).split())]
        for name, parameter in self._spec.space.items():
            label = settings.get(name)
            role = _role(name, getattr(parameter, "role", None))
            is_substance = isinstance(parameter, ComponentSpec) or (isinstance(parameter, CategorySpec) and role)
            if label is None or not is_substance:
                continue
            smiles = o.smiles.get(name)
            if smiles is None and isinstance(parameter, ComponentSpec):
                continue  # an option that is nothing
            self._make.component(reaction, name, str(label), smiles, role or "REAGENT")
        for name, of, part in self._parts():
            if share := settings.get(name):
                said = f"{share:g} of {of}, whose amount is not recorded"
                role = _role(of, None) or "REAGENT"
                self._make.component(reaction, name, part, o.smiles.get(name), role, said)
        return []

    def _parts(self) -> Iterator[tuple[str, str, str]]:
        """Of mixtures: each part as settings call it, its mixture, and the part itself."""
        for name, parameter in self._spec.space.items():
            if isinstance(parameter, MixtureSpec):
                yield from ((f"{name}.{part}", name, part) for part in parameter.parts)

    def _roles(self) -> Mapping[str, str]:
        """By option of a component or category, the role that its parameter has."""
        roles: dict[str, str] = {}
        for name, parameter in sorted(self._spec.space.items()):
            if isinstance(parameter, ComponentSpec | CategorySpec) and (
                role := _role(name, getattr(parameter, "role", None))
            ):
                roles |= dict.fromkeys(map(str, parameter.options or ()), role)
        return roles

    def _setting(self, reaction: Any, o: ObservationRecord, name: str, value: str | float) -> list[str]:
        """A setting that is no substance: a condition, or else metadata and words."""
        parameter = self._spec.space.get(name)
        if isinstance(parameter, ComponentSpec) or (name in self._spec.space and name in o.smiles):
            return []
        if isinstance(parameter, CategorySpec) and self._recipe is None and _role(name, None):
            return []
        unit = parameter.unit if isinstance(parameter, NumberSpec) else ""
        if not isinstance(value, str) and self._make.condition(reaction, name, float(value), unit):
            return []
        self._beside[name] += 1
        self._make.metadata(reaction, f"{SETTING}{name}", value, unit)
        shown = value if isinstance(value, str) else f"{value:g} {unit}".rstrip()
        return [f"{name} {shown}"]


def _said(m: Measurement) -> tuple[float | str, float | None, str]:
    """A value, or a limit as a text; its deviation, and its unit."""
    if m.qualifier is Qualifier.EQUAL:
        return m.value, m.sd, m.unit
    return f"{m.qualifier.value}{m.value:g}", None, m.unit


def _role(name: str, role: str | None) -> str | None:
    """The schema's role of a parameter, by its own role or else by its name; None where neither says one."""
    for said in (role, name):
        word = re.sub(r"[^a-z]+", "_", (said or "").lower()).strip("_")
        if known := _ROLES.get(word) or _ROLES.get(word.removesuffix("s")):
            return known
    return None


def _hex(id: str) -> str:
    """32 hexadecimal digits of an id, as the database's own ids have."""
    return id.replace("-", "").lower()
