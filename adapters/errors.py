"""Errors of the adapters, as a tree under ``loop.errors.AdapterError``.

AdapterError (loop.errors)
├── AdapterUnavailable (loop.errors)  it cannot be reached now; ask again later
│   ├── QueueFull         it takes nothing more before others have ended; ask again later
│   ├── AdapterFailed (loop.errors)  code of one's own failed, or gave no answer that is one
│   └── AttemptUnavailable (loop.errors)  it works, and gives no answer of this one attempt
├── AdapterOptionsError   the laboratory section of a campaign file is wrong
├── TableError            a measured table cannot be read
├── UnknownHandle         there is no attempt under that handle: prepare it first
├── KeyReused             a key came back with another experiment
├── FolderInUse           another process works with that folder
├── LimitBroken           an experiment goes beyond a limit of the laboratory
└── EvaluationError       an evaluator could not compute a structure; carries the kind of fault, and a code
    ├── InputRefused      the structure is not one that the method can treat
    │   ├── EmbeddingFailed   no conformer of it could be built
    │   └── BasisMissing      the basis set lacks one of its elements
    ├── SettingUnknown    the program knows no such functional, basis or solvent
    ├── NotConverged      the iterations ended without a solution
    │   ├── ScfNotConverged       those of the electrons
    │   ├── GeometryNotConverged  those of the geometry
    │   └── ImaginaryMode     the geometry found is a saddle point and no minimum
    ├── OutOfResources    memory or disk ran out
    │   └── ProgramMissing    the program is not installed where the job ran
    ├── ProgramFailed     a program or a function ended in a way that nobody foresaw
    └── AnalysisFailed    what came out cannot be read as the properties that were asked for
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from loop.errors import AdapterError, AdapterUnavailable
from loop.outcome import FaultKind

__all__ = [
    "AdapterError",
    "AdapterOptionsError",
    "AdapterUnavailable",
    "AnalysisFailed",
    "BasisMissing",
    "EmbeddingFailed",
    "EvaluationError",
    "FolderInUse",
    "GeometryNotConverged",
    "ImaginaryMode",
    "InputRefused",
    "KeyReused",
    "LimitBroken",
    "NotConverged",
    "OutOfResources",
    "ProgramFailed",
    "ProgramMissing",
    "QueueFull",
    "ScfNotConverged",
    "SettingUnknown",
    "TableError",
    "UnknownHandle",
]


class AdapterOptionsError(AdapterError):
    """The laboratory section is wrong; mend the campaign file. ``problems`` holds one message for each fault."""

    def __init__(self, adapter: str, problems: Iterable[str]) -> None:
        self.adapter, self.problems = adapter, tuple(problems)
        super().__init__(f"laboratory {adapter!r}: {'; '.join(self.problems)}")


class QueueFull(AdapterUnavailable):
    """The queue answers, and takes nothing more before others have left it. Ask again later."""

    what = "takes no more for now"


class FolderInUse(AdapterError):
    """Another process works with that folder, and nothing of it was touched; stop that one, or use another folder."""


class LimitBroken(AdapterError):
    """An experiment goes beyond a limit of the laboratory; nothing was prepared. Change the experiment."""

    def __init__(self, key: str, problems: Iterable[object]) -> None:
        self.key, self.problems = key, tuple(str(problem) for problem in problems)
        super().__init__(f"attempt {key} is not prepared: {'; '.join(self.problems)}")


class TableError(AdapterError):
    """A measured table cannot be read; mend the file at ``line`` (None: the file as a whole)."""

    def __init__(self, table: str, line: int | None, message: str) -> None:
        where = table if line is None else f"{table}, line {line}"
        super().__init__(f"table {where}: {message}")
        self.table, self.line = table, line


class UnknownHandle(AdapterError):
    """Nothing was prepared under this handle; prepare the attempt first. Nothing was started."""

    def __init__(self, handle: str) -> None:
        super().__init__(f"handle {handle!r} is unknown here; prepare the attempt first, nothing was started")
        self.handle = handle


class KeyReused(AdapterError):
    """One key, two experiments: a mistake on our side. The first one stands; nothing was changed."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"key {key!r} was prepared for another experiment; give each attempt its own, the first stands"
        )
        self.key = key


class EvaluationError(AdapterError):
    """An evaluator could not compute a structure; its class says which kind of fault is recorded.

    ``code`` tells programs what failed, more closely than the kind does: one word for each class, or one that whoever
    raises it gives. It and ``details`` (JSON values, such as the remedies that were tried) go into the provenance.
    """

    kind: ClassVar[FaultKind] = FaultKind.UNKNOWN
    code: str = "evaluation_failed"

    def __init__(self, message: str = "", *, code: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.details = dict(details or {})


class InputRefused(EvaluationError):
    """The method cannot treat this structure, and will not the next time either; leave the molecule out."""

    kind = FaultKind.INPUT_ERROR
    code = "input_refused"


class EmbeddingFailed(InputRefused):
    """No conformer could be built; leave the molecule out, or give its geometry as XYZ."""

    code = "embedding_failed"


class BasisMissing(InputRefused):
    """The basis set lacks an element of the molecule; use another one, or leave the molecule out."""

    code = "basis_missing"


class SettingUnknown(EvaluationError):
    """There is no such functional, calculator, function, ... where it runs; correct the setting, or install it there.

    Says nothing of the structure.
    """

    code = "setting_unknown"


class NotConverged(EvaluationError):
    """The iterations ended without a solution; this says something about the structure."""

    kind = FaultKind.CONVERGENCE_ERROR
    code = "not_converged"


class ScfNotConverged(NotConverged):
    """No self-consistent field was found; allow more iterations. ``details["remedies"]`` holds what was tried."""

    code = "scf_not_converged"


class GeometryNotConverged(NotConverged):
    """The optimisation did not come to an end; allow more steps, or start from another geometry."""

    code = "geometry_not_converged"


class ImaginaryMode(NotConverged):
    """The geometry found is a saddle point: thermochemistry would be that of no molecule. Start from another one."""

    code = "imaginary_mode"


class OutOfResources(EvaluationError):
    """Memory or disk ran out; give the job more and try again."""

    kind = FaultKind.RESOURCE_ERROR
    code = "out_of_resources"


class ProgramMissing(OutOfResources):
    """The program is not on the path where the job ran; install it there, or give its full path."""

    code = "program_missing"


class ProgramFailed(EvaluationError):
    """A program or a function ended in a way that nobody foresaw; read the end of its output, kept with the result."""

    code = "program_failed"


class AnalysisFailed(EvaluationError):
    """What came out cannot be read as the properties asked for; mend the parser, or the function, and try again."""

    kind = FaultKind.ANALYSIS_FAILED
    code = "analysis_failed"
