"""chemprop as its documentation trains it: a message-passing network, its targets scaled, one member after another.

    python -P -m peers.chemprop < request.json > answer.json

A request is ``{"smiles": [...], "values": [...], "asked": [...], "members": 5, "epochs": 30, "batch": 50, "seed": 0}``,
with ``"classes": true`` where values are 0 or 1 and chances are asked; an answer
``{"values": one list for each member, "cpu": seconds, "seconds": seconds}``, of training alone.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from typing import Any

import torch
from chemprop import data, featurizers, models, nn
from lightning import pytorch as pl


def learn(request: dict[str, Any]) -> dict[str, Any]:
    """Train on all values and predict what is asked. Features are made, and kept, before the clock starts."""
    featurizer = featurizers.SimpleMoleculeMolGraphFeaturizer()
    rows = [data.MoleculeDatapoint.from_smi(s, [y]) for s, y in zip(request["smiles"], request["values"], strict=True)]
    asked = data.MoleculeDataset([data.MoleculeDatapoint.from_smi(s, [0.0]) for s in request["asked"]], featurizer)
    training = data.MoleculeDataset(rows, featurizer)
    is_classes = bool(request.get("classes"))
    scaler = None if is_classes else training.normalize_targets()
    training.cache = True
    values, cpu, seconds = [], 0.0, 0.0
    for member in range(request["members"]):
        pl.seed_everything(request["seed"] * request["members"] + member)
        loader = data.build_dataloader(training, batch_size=request["batch"], num_workers=0)
        if is_classes:
            head = nn.BinaryClassificationFFN()
        else:
            head = nn.RegressionFFN(output_transform=nn.UnscaleTransform.from_standard_scaler(scaler))
        model = models.MPNN(nn.BondMessagePassing(), nn.MeanAggregation(), head)
        trainer = pl.Trainer(
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
            devices=1,
            max_epochs=request["epochs"],
        )
        used, start = time.process_time(), time.perf_counter()
        trainer.fit(model, loader)
        cpu, seconds = cpu + time.process_time() - used, seconds + time.perf_counter() - start
        predicted = trainer.predict(model, data.build_dataloader(asked, shuffle=False, num_workers=0))
        values.append(torch.cat(predicted)[:, 0].tolist())
    return {"values": values, "cpu": cpu, "seconds": seconds}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr  # what the package prints is no answer
    answers.write(json.dumps(learn(json.load(sys.stdin))))
