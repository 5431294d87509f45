"""Data frames as BayBE writes them into JSON: pickled pandas frames in base64, read without running anything.

A pickle names classes and functions, and reading it with Python's own loader would call them. Here every name stands
for an inert ``_Thing`` that keeps what it was made of, and a frame is put together from these; so a file from anywhere
can do no harm, and neither pandas nor BayBE is needed. pandas 1.3 to 3 is understood.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import pickle
from typing import Any, Final, TypeAlias

import numpy as np

Cell: TypeAlias = str | float | int | bool | None
_MODULES: Final = ("baybe", "pandas", "numpy", "pyarrow", "builtins", "copyreg", "copy_reg")
_LARGEST: Final = 10_000_000  # cells; a frame of a campaign has some thousands


class FrameError(ValueError):
    """The text is no data frame."""


class _Thing:
    """What a name of the pickle stands for: it keeps arguments and state, and does nothing."""

    what = ""

    def __new__(cls, *args: Any, **_: Any) -> _Thing:
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        """Everything was kept by ``__new__``."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    args: tuple[Any, ...]
    state: Any


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] not in _MODULES:
            raise FrameError(f"it holds {module}.{name}, which is no part of a data frame")
        return type(name, (_Thing,), {"what": name})

    def persistent_load(self, _: Any) -> Any:
        raise FrameError("it refers to something outside the file")


def read_frame(text: str) -> tuple[dict[str, list[Cell]], list[Cell]]:
    """Columns by name, each a list of cells, and the labels of the rows. Missing cells are None.

    Raises:
        FrameError: It is no data frame, or one of a kind that is not known.
    """
    try:
        frame = _Reader(io.BytesIO(base64.b64decode(text, validate=True))).load()
        manager: Any = frame.state.get("_mgr") or frame.state.get("_data")
        blocks, axes = manager.args[:2]
        columns, rows = _index(axes[0]), _index(axes[1])
        cells: dict[int, list[Cell]] = {}
        for block in blocks:
            values = _array(block.args[0])
            for k, place in enumerate(_places(block.args[1])):
                cells[place] = values[k] if values and isinstance(values[0], list) else values
        found = {str(name): cells[i] for i, name in enumerate(columns)}
    except FrameError:
        raise
    except (binascii.Error, pickle.UnpicklingError, ValueError, EOFError, MemoryError) as error:
        raise FrameError(f"it is not a pickled data frame ({error})") from None
    except (AttributeError, IndexError, KeyError, TypeError, OverflowError, RecursionError, ImportError) as error:
        raise FrameError(f"it is a pickled data frame of an unknown kind ({type(error).__name__}: {error})") from None
    if any(len(column) != len(rows) for column in found.values()):
        raise FrameError("its columns are not as long as its index")
    return found, rows


def _places(placement: Any) -> list[int]:
    if isinstance(placement, _Thing) and placement.what == "slice":
        return list(range(*placement.args))
    return [int(p) for p in _array(placement)]


def _index(axis: _Thing) -> list[Any]:
    data = axis.args[1]
    if axis.args[0].what == "RangeIndex":
        return list(range(data["start"], data["stop"], data["step"]))
    return _array(data["data"])


def _array(thing: Any) -> list[Any]:
    """An array as a list, nested where it has two dimensions; what stands for "missing" is None."""
    match thing.what:
        case "_reconstruct":  # a numpy array
            _, shape, dtype, is_fortran, content = thing.state
            return _shaped(shape, dtype, is_fortran, content)
        case "_frombuffer":  # the same, in protocol 5
            content, dtype, shape, order = thing.args
            return _shaped(shape, dtype, order == "F", bytes(content))
        case "__pyx_unpickle_NDArrayBacked":  # StringArray, Categorical, dates
            parts = thing.state if isinstance(thing.state, tuple) else (thing.state,)
            values = _array(next(p for p in parts if isinstance(p, _Thing) and not p.what.endswith("Dtype")))
            dtype = next(p for p in parts if isinstance(p, _Thing) and p.what.endswith("Dtype"))
            if dtype.what == "CategoricalDtype":
                categories = _index(dtype.state["categories"])
                return [categories[code] if code >= 0 else None for code in values]
            return values
        case "IntegerArray" | "FloatingArray" | "BooleanArray":
            mask = _array(thing.state["_mask"])
            return [None if m else v for v, m in zip(_array(thing.state["_data"]), mask, strict=True)]
        case "ArrowStringArray" | "ArrowExtensionArray":
            return _arrow(thing.state["_pa_array"])
    raise FrameError(f"it holds an array of an unknown kind ({thing.what})")


def _arrow(thing: Any) -> list[str | None]:
    """Texts of an Arrow array or of several chunks: offsets into UTF-8 bytes, and a bitmap of what is there."""
    if thing.what == "chunked_array":
        return [text for chunk in thing.args[0] for text in _arrow(chunk)]
    kind, length, _, offset, buffers = thing.args[0][:5]
    width = {"string": 4, "utf8": 4, "large_string": 8, "large_utf8": 8}.get(
        str(kind.args[0]) if kind.args else kind.what
    )
    if width is None:
        raise FrameError(f"it holds an Arrow array of an unknown kind ({kind.args or kind.what})")
    there, offsets, content = (None if b is None else _bytes(b) for b in buffers)
    ends = np.frombuffer(offsets or b"", dtype=f"<i{width}", count=offset + length + 1).tolist() if length else [0]
    return [
        None
        if there is not None and not there[i >> 3] >> (i & 7) & 1
        else (content or b"")[ends[i] : ends[i + 1]].decode()
        for i in range(offset, offset + length)
    ]


def _bytes(buffer: Any) -> bytes:
    while isinstance(buffer, _Thing):
        buffer = buffer.args[0]
    return bytes(buffer)


def _shaped(shape: tuple[int, ...], dtype: _Thing, is_fortran: bool, content: Any) -> list[Any]:
    size = math.prod(shape)
    if size > _LARGEST:
        raise FrameError(f"it has {size} cells, too many for a campaign")
    if isinstance(content, list):  # objects
        array = np.empty(size, dtype=object)
        array[:] = content
    else:
        kind, order = dtype.args[0], (dtype.state or (None, "|"))[1]
        if kind[0] not in "biuf" or not kind[1:].isdigit():
            raise FrameError(f"it holds values of an unknown kind ({kind!r})")
        array = np.frombuffer(content, dtype=np.dtype(("" if order == "|" else order) + kind), count=size)
    found: list[Any] = array.reshape(shape, order="F" if is_fortran else "C").tolist()
    return _plain(found)


def _plain(values: list[Any]) -> list[Any]:
    return [
        _plain(v)
        if isinstance(v, list)
        else None
        if isinstance(v, _Thing) or (isinstance(v, float) and math.isnan(v))
        else v
        for v in values
    ]
