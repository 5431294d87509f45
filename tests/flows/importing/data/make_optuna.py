"""Studies of Optuna as its storages keep them; run with the Python of an environment that has Optuna 4 or 5.

``python make_optuna.py FOLDER`` writes ``optuna_studies.db`` (SQLite: the studies ``coupling`` and ``front``) and
``optuna_journal.log`` (a journal file: ``nested``). What the tests expect of them stands in ``expected.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)

SOLVENT = CategoricalDistribution(["DMF", "water", None, 3, True])
KINDS = {
    "temperature": FloatDistribution(20, 100, step=0.1),
    "loading": FloatDistribution(1e-4, 1, log=True),
    "equivalents": IntDistribution(1, 5),
    "stirring": IntDistribution(100, 1000, step=50),
    "solvent": SOLVENT,
    "water content": FloatDistribution(0, 0.2),
}
BASE = {"temperature": 96.10000000000001, "loading": 0.013807146000477775, "equivalents": 3, "stirring": 150}


def coupling(storage: str) -> None:
    """One direction, a parameter that hangs on a choice, and a trial of every state."""
    study = optuna.create_study(study_name="coupling", storage=storage, direction="maximize")

    def tell(value: float | None, state: TrialState = TrialState.COMPLETE, **changed: object) -> None:
        params = BASE | {"solvent": "DMF"} | {name.replace("_", " "): value for name, value in changed.items()}
        kinds = {name: KINDS[name] for name in params}
        steps = {1: 0.5, 2: 0.75} if state is TrialState.PRUNED else {}
        study.add_trial(
            create_trial(
                params=params, distributions=kinds, value=value, state=state, intermediate_values=steps,
                user_attrs={"operator": "AB"},
            )
        )  # fmt: skip

    tell(12.345678901234567)
    tell(13.5)
    tell(13.5)
    tell(0.0, solvent="water", water_content=0.1 + 0.2 - 0.2)
    tell(-1e-05, solvent=None, equivalents=5)
    tell(7.0, solvent=3)
    tell(8.0, solvent=True)
    tell(0.75, TrialState.PRUNED, temperature=30.0)
    tell(None, TrialState.FAIL, temperature=40.0)
    study.ask(fixed_distributions={"equivalents": KINDS["equivalents"]})
    study.enqueue_trial({"temperature": 33.0})


def front(storage: str) -> None:
    """Two directions, with names, and constraints."""

    def constraints(trial: optuna.trial.FrozenTrial) -> list[float]:
        return [trial.params["x"] - 0.5]

    sampler = optuna.samplers.NSGAIISampler(constraints_func=constraints, seed=1)
    study = optuna.create_study(
        study_name="front", storage=storage, directions=["maximize", "minimize"], sampler=sampler
    )
    study.set_metric_names(["yield", "cost"])
    for x in (0.25, 1 / 3, 0.75):
        study.enqueue_trial({"x": x})
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), 2 * t.suggest_float("x", 0, 1)), n_trials=3)


def nested(file: Path) -> None:
    """Parameters that hang on a number, and ranges that change from trial to trial."""
    storage = JournalStorage(JournalFileBackend(str(file)))
    study = optuna.create_study(study_name="nested", storage=storage)
    study.set_user_attr("owner", "somebody")

    def objective(trial: optuna.Trial) -> float:
        layers = trial.suggest_int("layers", 1, 3)
        widths = [trial.suggest_int(f"width {i}", 16, 256, log=True) for i in range(layers)]
        rate = trial.suggest_float("rate", 0.1, 0.5 + 0.25 * (trial.number % 2))
        if trial.number == 4:
            trial.set_user_attr("why", "ran out of memory")
            raise RuntimeError
        if trial.number == 5:
            return float("nan")
        return sum(widths) * rate

    for layers in (1, 2, 3, 1, 2, 3):
        study.enqueue_trial({"layers": layers})
    study.optimize(objective, n_trials=6, catch=(RuntimeError,))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in ("optuna_studies.db", "optuna_journal.log"):
        (folder / name).unlink(missing_ok=True)
    coupling(f"sqlite:///{folder / 'optuna_studies.db'}")
    front(f"sqlite:///{folder / 'optuna_studies.db'}")
    nested(folder / "optuna_journal.log")
