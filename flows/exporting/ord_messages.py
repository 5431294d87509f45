"""The messages of ord-schema, made field by field; the one place that knows their names."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from loop.errors import UnitError
from loop.recipe import Form
from loop.recipe.procedure import Heating, Procedure, Stirring, Transfer, Weighing
from loop.units import convert

if TYPE_CHECKING:
    from loop.recipe import Recipe, Stock

OURS: Final = "from the record of a campaign, by hakken"
# Keys in the metadata of a reaction, which hakken import reads again.
SETTING: Final = "setting "  # before the name of a parameter that is no field of the schema; described by its unit
NEGATIVE: Final = "negative"  # why the answer was no
BARE: Final = "a setting of the campaign"  # in place of a unit, where there is none
ANALYSIS: Final = "analysis"
NOT_RECORDED: Final = "the amount is not recorded"
_TEMPERATURES: Final = {"degC": "CELSIUS", "K": "KELVIN", "degF": "FAHRENHEIT"}
_PRESSURES: Final = {
    "bar": "BAR",
    "atm": "ATMOSPHERE",
    "psi": "PSI",
    "Pa": "PASCAL",
    "kPa": "KILOPASCAL",
    "torr": "TORR",
}
_TIMES: Final = {"s": "SECOND", "min": "MINUTE", "h": "HOUR", "day": "DAY"}
_KINDS: Final = {
    "yield": "YIELD",
    "purity": "PURITY",
    "area": "AREA",
    "selectivity": "SELECTIVITY",
    "ee": "SELECTIVITY",
}


class Messages:
    """Makes messages; get one by ``load``."""

    def __init__(self, reaction_pb2: Any, dataset_pb2: Any, validations: Any) -> None:
        self._pb, self._dataset, self._validations = reaction_pb2, dataset_pb2, validations

    @staticmethod
    def load() -> Messages | None:
        """With ord-schema as it is installed; None where it is not.

        Where protobuf was not loaded yet it is in Python: sila2 can be loaded after that one only, and may be next.
        """
        os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
        try:
            from ord_schema import validations
            from ord_schema.proto import dataset_pb2, reaction_pb2
        except ImportError:
            return None
        return Messages(reaction_pb2, dataset_pb2, validations)

    def dataset(self, *, name: str, description: str, id: str, reactions: Sequence[Any]) -> Any:
        return self._dataset.Dataset(name=name, description=description, dataset_id=id, reactions=reactions)

    def reaction(self, *, id: str) -> Any:
        return self._pb.Reaction(reaction_id=id)

    def faults_of(self, dataset: Any) -> list[str]:
        """What ord-schema's own checks find wrong."""
        options = self._validations.ValidationOptions(validate_ids=True, require_provenance=True)
        loud = logging.getLogger("ord_schema")
        before, loud.disabled = loud.disabled, True
        try:
            found = self._validations.validate_message(dataset, raise_on_error=False, options=options)
        finally:
            loud.disabled = before
        return [" ".join(str(error).split()) for error in found.errors]

    def written(self, dataset: Any, name: str) -> bytes:
        """The dataset as its file has it, by the ending of ``name``."""
        from google.protobuf import json_format, text_format

        if name.endswith(".json"):
            return str(json_format.MessageToJson(dataset)).encode()
        if name.endswith(".pbtxt"):
            return str(text_format.MessageToString(dataset, as_utf8=True)).encode()
        data: bytes = dataset.SerializeToString(deterministic=True)
        return data

    def component(
        self, reaction: Any, key: str, label: str, smiles: str | None, role: str, amount: str = NOT_RECORDED
    ) -> None:
        """A substance of which nobody recorded how much there was; ``amount`` says what is known of it."""
        compound = self._compound(reaction.inputs[key].components.add(), label, smiles, role)
        compound.amount.unmeasured.type = self._pb.UnmeasuredAmount.CUSTOM
        compound.amount.unmeasured.details = amount

    def of_recipe(self, reaction: Any, recipe: Recipe, procedure: Procedure, roles: Mapping[str, str]) -> None:
        """What the recipe doses, and how it is heated and stirred."""
        for order, action in enumerate(procedure.actions, start=1):
            match action:
                case Transfer(stock, volume, amount):
                    self._dosed(reaction, recipe.stocks[stock], order, roles, volume=volume, amount=amount)
                case Weighing(stock, mass, amount):
                    self._dosed(reaction, recipe.stocks[stock], order, roles, mass=mass, amount=amount)
                case Heating(temperature, time, speed):
                    self._set(reaction.conditions.temperature, "setpoint", temperature, "CELSIUS")
                    if time is not None:
                        self._set(reaction.outcomes[0], "reaction_time", time, "SECOND")
                    if speed:
                        self._stir(reaction, speed)
                case Stirring(speed):
                    self._stir(reaction, speed)
                case _:
                    pass

    def _dosed(
        self,
        reaction: Any,
        stock: Stock,
        order: int,
        roles: Mapping[str, str],
        *,
        volume: float | None = None,
        mass: float | None = None,
        amount: float | None = None,
    ) -> None:
        """A stock's substance, and the solvent that comes with it; a stock dosed twice has two inputs."""
        key = stock.name if stock.name not in reaction.inputs else f"{stock.name} {order}"
        given = reaction.inputs[key]
        given.addition_order = order
        role = roles.get(stock.name, "CATALYST" if stock.is_additive else "REAGENT")
        compound = self._compound(given.components.add(), stock.name, stock.smiles, role)
        is_solution = stock.form is Form.SOLUTION
        if mass is not None:
            self._set(compound.amount, "mass", mass, "MILLIGRAM")
        elif is_solution and amount is not None:
            self._set(compound.amount, "moles", amount, "MICROMOLE")
        elif is_solution:
            compound.amount.unmeasured.type = self._pb.UnmeasuredAmount.CUSTOM
            compound.amount.unmeasured.details = f"in {volume:g} uL of its solution"
        else:
            self._set(compound.amount, "volume", volume or 0.0, "MICROLITER")
        if is_solution and stock.solvent and volume is not None:
            solvent = self._compound(given.components.add(), stock.solvent, None, "SOLVENT")
            self._set(solvent.amount, "volume", volume, "MICROLITER")
            solvent.amount.volume_includes_solutes = True

    def condition(self, reaction: Any, name: str, value: float, unit: str) -> bool:
        """Set what is a condition of the schema by its unit and name; False where it is none, or is set already."""
        said, conditions = name.lower(), reaction.conditions
        if unit in _TEMPERATURES and not conditions.temperature.HasField("setpoint"):
            self._set(conditions.temperature, "setpoint", value, _TEMPERATURES[unit])
        elif unit in _PRESSURES and not conditions.pressure.HasField("setpoint"):
            self._set(conditions.pressure, "setpoint", value, _PRESSURES[unit])
        elif unit in _TIMES and said in ("time", "reaction time", "reaction_time", "residence_time", "residence time"):
            if reaction.outcomes[0].HasField("reaction_time"):
                return False
            self._set(reaction.outcomes[0], "reaction_time", value, _TIMES[unit])
        elif unit == "rpm" and not conditions.stirring.rate.rpm:
            self._stir(reaction, value)
        elif said == "ph" and not unit and not conditions.HasField("ph"):
            conditions.ph = value
        else:
            return False
        return True

    def metadata(self, reaction: Any, key: str, value: str | float, described: str) -> None:
        """What has no field of its own; of a setting, ``described`` is its unit."""
        data = reaction.provenance.reaction_metadata[key]
        if isinstance(value, str):
            data.string_value = value
        else:
            data.float_value = value
        data.description = described or BARE

    def product(self, reaction: Any, smiles: str | None, name: str) -> Any:
        """The desired product, of an outcome that is made with it."""
        product = reaction.outcomes.add().products.add()
        self._identified(product, name, smiles)
        product.is_desired_product = True
        product.reaction_role = self._pb.ReactionRole.PRODUCT
        return product

    def measured(
        self, reaction: Any, product: Any, target: str, value: float | str, sd: float | None, unit: str
    ) -> None:
        """One value, or a limit as a text such as ``<2``."""
        outcome = reaction.outcomes[0]
        share = _in_percent(value, unit)
        if target.lower() == "conversion" and share is not None:
            self._percentage(outcome.conversion, share, sd, unit)
            return
        outcome.analyses[ANALYSIS].type = self._pb.Analysis.CUSTOM
        outcome.analyses[ANALYSIS].details = "as it was told to hakken"
        found = product.measurements.add()
        found.analysis_key = ANALYSIS
        kind = _KINDS.get(target.lower(), "CUSTOM")
        found.type = getattr(self._pb.ProductMeasurement, kind)
        found.details = target if isinstance(value, float) and share is not None else f"{target} [{unit}]"
        if target.lower() == "ee":
            found.selectivity.type = self._pb.ProductMeasurement.Selectivity.EE
        if share is not None:
            self._percentage(found.percentage, share, sd, unit)
        elif isinstance(value, str):
            found.string_value = value
        else:
            found.float_value.value = value
            if sd is not None:
                found.float_value.precision = sd

    def provenance(self, reaction: Any, person: tuple[str, str], recorded: datetime) -> None:
        """Who made the record, and when."""
        made = reaction.provenance.record_created
        made.time.value = recorded.isoformat(timespec="seconds")
        made.person.name, made.person.email = person
        made.details = OURS

    def _compound(self, compound: Any, name: str, smiles: str | None, role: str) -> Any:
        self._identified(compound, name, smiles)
        compound.reaction_role = getattr(self._pb.ReactionRole, role)
        return compound

    def _identified(self, compound: Any, name: str, smiles: str | None) -> None:
        compound.identifiers.add(type=self._pb.CompoundIdentifier.NAME, value=name)
        if smiles is not None:
            compound.identifiers.add(type=self._pb.CompoundIdentifier.SMILES, value=smiles)

    def _stir(self, reaction: Any, rpm: float) -> None:
        stirring = reaction.conditions.stirring
        stirring.type = self._pb.StirringConditions.CUSTOM
        stirring.details = "stirred"
        stirring.rate.rpm = round(rpm)
        stirring.rate.type = self._pb.StirringConditions.StirringRate.UNSPECIFIED

    def _set(self, message: Any, field: str, value: float, unit: str) -> None:
        found = getattr(message, field)
        found.value = value
        units = found.DESCRIPTOR.fields_by_name["units"].enum_type.values_by_name
        found.units = units[unit].number

    def _percentage(self, message: Any, share: float, sd: float | None, unit: str) -> None:
        message.value = share
        if sd is not None:
            message.precision = abs(convert(sd, unit, "%"))


def _in_percent(value: float | str, unit: str) -> float | None:
    """A share in per cent; None where it is a limit, or no share."""
    if isinstance(value, str) or not unit:
        return None
    try:
        return convert(value, unit, "%")
    except UnitError:
        return None
