"""A dataset of the Open Reaction Database; run with the Python of an environment that has ord-schema.

``python make_ord.py FOLDER`` writes the same made-up aminations as ``.pb.gz``, ``.pbtxt`` and ``.json``, and their
first reaction alone as ``.pb``. What the tests expect of them stands in ``expected.py``.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

from google.protobuf import json_format, text_format
from ord_schema.proto import dataset_pb2, reaction_pb2

ROLE = reaction_pb2.ReactionRole
SMILES = {
    "bromobenzene": "Brc1ccccc1",
    "p-toluidine": "Cc1ccc(N)cc1",
    "XPhos": "CC(C)c1cc(C(C)C)c(c(C(C)C)c1)-c1ccccc1P(C1CCCCC1)C1CCCCC1",
    "PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1",
    "Cs2CO3": "[Cs+].[Cs+].[O-]C([O-])=O",
    "DBU": "C1CCC2=NCCCN2CC1",
    "DMSO": "CS(C)=O",
    "LiCl": "[Li+].[Cl-]",
}
# ligand, its amount in umol, base, additive, temperature in degC, hours, yield in %, its precision
ROWS = (
    ("XPhos", 1.5, "Cs2CO3", "", 60.0, 16.0, 45.25, 0.5),
    ("XPhos", 1.5, "Cs2CO3", "", 60.0, 16.0, 47.125, None),
    ("PPh3", 3.0, "Cs2CO3", "LiCl", 60.0, 16.0, 0.0, None),
    ("PPh3", 1.5, "DBU", "", 80.5, 2.0, 12.345678, None),
    ("XPhos", 3.0, "DBU", "LiCl", 80.5, 16.0, 99.9, None),
    ("XPhos", 3.0, "DBU", "", 80.5, 16.0, None, None),
)


def add(reaction: reaction_pb2.Reaction, key: str, name: str, role: int, umol: float | None = None) -> None:
    """A component of an input."""
    compound = reaction.inputs[key].components.add(reaction_role=role)
    compound.identifiers.add(type="NAME", value=name)
    compound.identifiers.add(type="SMILES", value=SMILES[name])
    if umol is not None:
        compound.amount.moles.CopyFrom(reaction_pb2.Moles(value=umol, units="MICROMOLE"))


def dataset() -> dataset_pb2.Dataset:
    """The whole dataset."""
    found = dataset_pb2.Dataset(name="aminations", description="made up", dataset_id="ord_dataset-0")
    for i, (ligand, umol, base, additive, celsius, hours, percent, precision) in enumerate(ROWS):
        reaction = found.reactions.add(reaction_id=f"ord-{i}")
        add(reaction, "aryl halide", "bromobenzene", ROLE.REACTANT, 10.0)
        add(reaction, "amine", "p-toluidine", ROLE.REACTANT, 15.0)
        add(reaction, "ligand", ligand, ROLE.CATALYST, umol)
        add(reaction, "base in DMSO", base, ROLE.REAGENT, 20.0)
        add(reaction, "base in DMSO", "DMSO", ROLE.SOLVENT)
        if additive:
            add(reaction, "salt", additive, ROLE.REAGENT, 5.0)
        if i == 3:  # in another unit
            reaction.conditions.temperature.setpoint.CopyFrom(
                reaction_pb2.Temperature(value=celsius + 273.15, units="KELVIN")
            )
        else:
            reaction.conditions.temperature.setpoint.CopyFrom(reaction_pb2.Temperature(value=celsius, units="CELSIUS"))
        reaction.conditions.stirring.rate.rpm = 500
        reaction.notes.procedure_details = "made up"
        outcome = reaction.outcomes.add()
        outcome.reaction_time.CopyFrom(reaction_pb2.Time(value=hours, units="HOUR"))
        product = outcome.products.add(is_desired_product=True)
        product.identifiers.add(type="SMILES", value="Cc1ccc(Nc2ccccc2)cc1")
        if percent is not None:
            outcome.conversion.CopyFrom(reaction_pb2.Percentage(value=min(percent + 0.05, 100)))
            measured = product.measurements.add(type="YIELD", analysis_key="LCMS")
            measured.percentage.value = percent
            if precision is not None:
                measured.percentage.precision = precision
    return found


if __name__ == "__main__":
    folder, made = Path(sys.argv[1]), dataset()
    (folder / "ord_aminations.pb.gz").write_bytes(gzip.compress(made.SerializeToString(deterministic=True), mtime=0))
    (folder / "ord_aminations.pbtxt").write_text(text_format.MessageToString(made), encoding="utf-8")
    (folder / "ord_aminations.json").write_text(json_format.MessageToJson(made), encoding="utf-8")
    (folder / "ord_reaction.pb").write_bytes(made.reactions[0].SerializeToString(deterministic=True))
