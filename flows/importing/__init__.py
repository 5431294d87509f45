"""Importing: campaigns that run elsewhere, read from their files and written in hakken's words.

A reader of one format is one module with two functions, ``recognises`` and ``read``, and one line in ``registry``.
What it reads is a ``Foreign`` campaign; ``writing`` makes the campaign file of it, and
``flows.engine.sources.importing`` puts its results on record.
"""

from flows.importing.foreign import Foreign
from flows.importing.registry import FORMATS, read_foreign
from flows.importing.source import ImportFault, Source
from flows.importing.writing import campaign_text

__all__ = ["FORMATS", "Foreign", "ImportFault", "Source", "campaign_text", "read_foreign"]
