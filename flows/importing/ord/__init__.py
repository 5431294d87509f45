"""The Open Reaction Database: datasets and reactions as protobuf (.pb, .pb.gz), protobuf text (.pbtxt) or JSON.

Needs ``ord-schema`` (``pip install 'hakken[ord]'``), which holds the definition of the messages.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any, Final

from flows.importing.foreign import Foreign
from flows.importing.source import Source
from loop.sheets.files import in_utf8

_GZIP: Final = b"\x1f\x8b"
_TEXT: Final = re.compile(
    r"\s*(#[^\n]*\n\s*)*(name|description|dataset_id|reactions|reaction_id|identifiers|inputs)\s*[:{]"
)
_UNKNOWN: Final = "has no field named"  # as protobuf says of what a later definition has
LARGEST: Final = 2**30  # bytes; the largest datasets of the database have some hundred megabytes


def recognises(source: Source) -> bool:
    """By the file's ending; text also by its first field, JSON by its keys."""
    if source.path.name.endswith((".pb", ".pb.gz", ".pbtxt", ".pbtxt.gz")) or source.data.startswith(_GZIP):
        return True
    keys = set(source.peek())
    return "reactions" in keys or {"inputs", "outcomes"} <= keys or bool(_TEXT.match(source.head))


def read(source: Source) -> Foreign:
    """The reactions as a campaign. Raises ``ImportFault``."""
    try:
        from ord_schema.proto import dataset_pb2, reaction_pb2
    except ImportError:
        raise source.fault(
            "a record of the Open Reaction Database, and reading those needs ord-schema; pip install 'hakken[ord]'"
        ) from None
    from flows.importing.ord.reactions import campaign_of

    data = _unpacked(source)
    dataset = dataset_pb2.Dataset()
    reaction = reaction_pb2.Reaction()
    whole = _parsed(source, data, (dataset, reaction))
    reactions: Sequence[Any] = list(whole.reactions) if whole is dataset else [whole]
    if not reactions:
        raise source.fault("the dataset has no reactions in it; datasets that only list their ids cannot be imported")
    return campaign_of(source, reactions, name=dataset.name, description=dataset.description)


def _unpacked(source: Source) -> bytes:
    """The file without its compression."""
    if not source.data.startswith(_GZIP):
        return source.data
    unpacking = zlib.decompressobj(wbits=31)
    try:
        data = unpacking.decompress(source.data, LARGEST)
    except zlib.error as error:
        raise source.fault(f"not readable as gzip ({error}); fetch it anew") from None
    if not unpacking.eof:
        what = "too large" if unpacking.unconsumed_tail else "cut short"
        raise source.fault(f"{what}: {len(data)} bytes come out of it and it goes on; fetch it anew, or divide it")
    return data


def _parsed(source: Source, data: bytes, messages: Sequence[Any]) -> Any:
    """The first of the messages that the data fill: a dataset with reactions, or one reaction with inputs."""
    from google.protobuf import json_format, text_format
    from google.protobuf.message import DecodeError

    data = in_utf8(data)
    plain = source.path.name.removesuffix(".gz")
    head = data[:2048].decode("utf-8", errors="replace")
    is_json = plain.endswith(".json") or head.lstrip().startswith("{")
    is_text = plain.endswith(".pbtxt") or bool(_TEXT.match(head))
    if is_json or is_text:
        messages = messages[:1] if b"reactions" in data else messages[1:]
    why = "it holds no reactions"
    for message in messages:
        try:
            if is_json:
                json_format.Parse(data.decode("utf-8-sig"), message)
            elif is_text:
                text_format.Parse(data.decode("utf-8-sig"), message)
            else:
                message.ParseFromString(data)
        except (json_format.ParseError, text_format.ParseError, DecodeError, UnicodeDecodeError) as error:
            why = " ".join(str(error).split())[:200]
            continue
        if len(getattr(message, "reactions", ())) or len(getattr(message, "inputs", ())):
            return message
    if _UNKNOWN in why:
        raise source.fault(
            f"ord-schema, as it is installed here, does not know all that it says ({why}); mend the field, or where a "
            "later one wrote it: pip install --upgrade ord-schema"
        )
    raise source.fault(
        f"not a dataset or a reaction of the Open Reaction Database ({why}); fetch it anew, or see --from"
    )
