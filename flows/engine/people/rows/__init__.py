"""Told rows: a line of a person's table, kept as typed, and read as settings and a result.

Columns are the parameters and the targets of the campaign, each with its unit where it is another one
(``temperature [K]``, ``temperature (K)``), and ``TARGET_sd``, ``TARGET_n``, ``TARGET_qualifier`` (=, < or >),
``outcome``, ``comment`` and ``key``; also what was recorded beside the result: the campaign's context parameters, and
plate, well, day, instrument, ...; and what the experiment took: ``hours`` and ``cost``. A row that ``hakken export``
wrote has columns of its own.
"""

from flows.engine.people.rows.cells import NoResult, perhaps_fractions
from flows.engine.people.rows.columns import (
    FILE,
    IGNORED,
    PLAIN,
    TAKEN,
    Column,
    descriptors_of,
    is_column,
    once_more,
    read_columns,
    stand_ins,
    structures_told,
)
from flows.engine.people.rows.drafts import (
    TELL,
    WHOLE,
    Line,
    completed_by,
    content_of,
    draft_file,
    draft_row,
    exported_id,
    file_of,
    is_blank,
    is_told,
    still_empty,
    text_of,
    told_again,
    typed_in,
    without_of,
)
from flows.engine.people.rows.exported import (
    FAULT,
    OBSERVATION,
    RETRACTED,
    SETTINGS,
    is_exported,
    lasting,
    told_instead,
)
from flows.engine.people.rows.reading import (
    ToldRow,
    columns_of,
    has_no_result_yet,
    missing_in,
    read_beside,
    read_settings,
    read_told,
    says_the_same,
)
from flows.engine.people.rows.settings import NoSetting

__all__ = [
    "FAULT",
    "FILE",
    "IGNORED",
    "OBSERVATION",
    "PLAIN",
    "RETRACTED",
    "SETTINGS",
    "TAKEN",
    "TELL",
    "WHOLE",
    "Column",
    "Line",
    "NoResult",
    "NoSetting",
    "ToldRow",
    "columns_of",
    "completed_by",
    "content_of",
    "descriptors_of",
    "draft_file",
    "draft_row",
    "exported_id",
    "file_of",
    "has_no_result_yet",
    "is_blank",
    "is_column",
    "is_exported",
    "is_told",
    "lasting",
    "missing_in",
    "once_more",
    "perhaps_fractions",
    "read_beside",
    "read_columns",
    "read_settings",
    "read_told",
    "says_the_same",
    "stand_ins",
    "still_empty",
    "structures_told",
    "text_of",
    "told_again",
    "told_instead",
    "typed_in",
    "without_of",
]
