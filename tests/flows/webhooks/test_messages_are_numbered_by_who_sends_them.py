"""Long polls: each message is fetched once, and one that another laboratory numbers anew is not passed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adapters.http.contract import Message
from flows.settings import Settings
from flows.webhooks.checking import Keys
from flows.webhooks.listening import Listener

KEYS = Keys({"k1": "first-secret"})


@dataclass
class Store:
    """A laboratory's messages, from number 1 on, under a memory; says which numbers it was asked for."""

    memory_id: str
    bodies: list[str]
    asked: list[int] = field(default_factory=list)

    def memory(self) -> str:
        return self.memory_id

    def messages(self, campaign: str, after: int, wait: float) -> list[Message]:
        self.asked.append(after)
        told = list(enumerate(self.bodies, 1))[after:]
        return [
            Message(number=n, id=f"{self.memory_id}-{n}", timestamp="1", key_id="k1", signature="v1,", body=body)
            for n, body in told
        ]


def listener(tmp_path: Path) -> Listener:
    return Listener(Settings(tmp_path), "small", [].append)


def kept(at: Listener) -> set[str]:
    return {message.id for _, message in at.inbox.waiting()}


def test_each_message_is_fetched_once_also_by_a_listener_that_begins_anew(tmp_path: Path) -> None:
    store = Store("old", ["a", "b"])

    assert listener(tmp_path).fetch(store, KEYS, wait=0.0)
    store.bodies.append("c")
    assert listener(tmp_path).fetch(store, KEYS, wait=0.0)

    assert store.asked == [0, 2]
    assert kept(listener(tmp_path)) == {"old-1", "old-2", "old-3"}


def test_a_laboratory_whose_memory_was_replaced_is_heard_from_its_first_message_on(tmp_path: Path) -> None:
    at = listener(tmp_path)
    at.fetch(Store("old", ["a", "b", "c"]), KEYS, wait=0.0)
    new = Store("new", ["d"])

    at.fetch(new, KEYS, wait=0.0)
    new.bodies.append("e")
    at.fetch(new, KEYS, wait=0.0)

    assert new.asked == [0, 1]
    assert kept(at) == {"old-1", "old-2", "old-3", "new-1", "new-2"}


def test_where_it_is_not_noted_whose_messages_were_fetched_all_are_fetched_again(tmp_path: Path) -> None:
    at, store = listener(tmp_path), Store("old", ["a", "b"])
    at.fetch(store, KEYS, wait=0.0)
    (tmp_path / "small" / "inbox" / "cursor.json").write_text('{"after": 2}', "utf-8")  # by an earlier hakken

    at.fetch(store, KEYS, wait=0.0)

    assert store.asked == [0, 0]
    assert kept(at) == {"old-1", "old-2"}
