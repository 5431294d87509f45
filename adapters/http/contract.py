"""The contract: the documents that go between hakken and a laboratory over HTTP. ``openapi.yaml`` is made from them.

A laboratory may add keys to its replies; they are not read. Keys of experiments are safe in a URL: UUIDs in practice.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

CONTRACT: Final = "hakken-laboratory/1"
KEY_HEADER: Final = "Idempotency-Key"

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_~%-]{1,120}$", description="The attempt's key: a UUID in practice.")]
Memory = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="Names the store in which the laboratory remembers keys; another one where that was replaced or "
        "restored, so that a key that is unknown then is taken for doubt and not for 'it never came'.",
    ),
]


class Document(BaseModel):
    """Base of every document: frozen, and further keys are not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class State(StrEnum):
    """Where a laboratory stands with an experiment."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    DOUBTFUL = "doubtful"


class Step(Document):
    """One step at the bench, every number worked out."""

    does: str = Field(description="dispense, weigh, heat, stir, wait, sample or measure.")
    of: str = Field(description="The stock, where a sample goes, or what is measured; empty where there is none.")
    values: dict[str, float] = Field(description="volume, mass, amount, equivalents, percent, mix, temperature, ...")
    units: dict[str, str] = Field(description="Of the values: uL, mg, umol, %, degC, s, rpm; empty for a bare number.")


class Procedure(Document):
    """What is to be done at the bench, by the campaign's recipe as it is when the experiment is sent."""

    text: str = Field(description="For a person.")
    steps: list[Step]


class Submission(Document):
    """An experiment to be carried out once. The same key again is the same experiment, and runs nothing."""

    contract: Literal["hakken-laboratory/1"] = CONTRACT
    key: Key
    campaign: str
    settings: dict[str, str | float] = Field(description="Options' labels, and numbers in their unit.")
    units: dict[str, str] = Field(description="Of the numeric settings.")
    smiles: dict[str, str] = Field(description="Canonical SMILES of the settings that are structures.")
    targets: dict[str, str] = Field(description="What is to be measured, and in which unit it is wanted.")
    replicate_no: int
    place: dict[str, str] = Field(description="Plate, well, row, column and block, where the batch is a plate.")
    procedure: Procedure | None = Field(default=None, description="Where the campaign has a recipe.")
    never_ran: bool = Field(
        default=False,
        description="A person vouches that an earlier submission under this key, which is doubtful, never ran: "
        "run it now. Of no effect on an experiment in any other state.",
    )
    notify: str | None = Field(default=None, description="Where to send signed messages about it.")


class Experiment(Document):
    """Where an experiment stands."""

    key: Key
    state: State = Field(
        description="waiting: in the queue. running. ended: its results can be read, and never change. doubtful: the "
        "laboratory cannot tell whether it ran, and does nothing until a person has said."
    )
    detail: str = Field(default="", description="A word for a person.")
    memory: Memory
    runs: int | None = Field(default=None, description="How often the bench carried it out, where it counts: 0 or 1.")


class Results(Document):
    """What an experiment gave: none before it has ended."""

    key: Key
    state: State
    memory: Memory
    results: list[Any] = Field(
        description="Outcomes: {outcome: measured, values: [{property, value, unit, sd, n, qualifier, channel}]}, "
        "{outcome: negative, reason, values} or {outcome: fault, kind, message}; each with provenance and context."
    )


class Cancellation(Document):
    """Why an experiment is no longer wanted."""

    reason: str


class UnknownKey(Document):
    """The laboratory is sure that it never got the key. Any other 404 is taken for a wrong address."""

    error: Literal["unknown_key"]
    key: Key
    memory: Memory


class Trouble(Document):
    """Why an experiment cannot be done."""

    subject: str
    rule: str
    remedy: str


class Refusal(Document):
    """The laboratory will not do this experiment, now or later; nothing moved."""

    error: Literal["refused"]
    problems: list[Trouble] = Field(min_length=1)


class KeyTaken(Document):
    """The key belongs to another experiment; nothing moved."""

    error: Literal["key_taken"]
    key: Key


class Laboratory(Document):
    """What a laboratory is, and whether it can work now."""

    contract: str
    name: str
    memory: Memory
    ok: bool
    message: str
    properties: dict[str, str] | None = Field(default=None, description="What it measures, and in which unit.")
    parameters: list[str] | None = Field(default=None, description="What it can set.")


class Message(Document):
    """A message as it would be sent to a webhook, fetched by whoever cannot be reached."""

    number: int = Field(ge=1, description="Rises by one with each message.")
    id: str
    timestamp: str = Field(description="Seconds since 1970, when it was signed: now.")
    key_id: str
    signature: str
    body: str = Field(description="The signed text: a News document.")


class Messages(Document):
    """Messages after a number, oldest first; none where the wait ended before one came."""

    messages: list[Message]


class News(Document):
    """The body of a message: one result of one experiment, as it is also in its results."""

    contract: Literal["hakken-laboratory/1"] = CONTRACT
    campaign: str
    key: Key
    result: dict[str, Any]
