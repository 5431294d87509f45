"""JCAMP-DX (4.24 and 5.01), read by the package ``jcamp``: spectra, chromatograms and peak tables, also in blocks."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from loop.analysis.readings import Label, Peak, Reading, Trace, label_of
from loop.errors import AnalysisError

_COMMENT: Final = re.compile(rb"\$\$[^\r\n]*")  # on a line of data the package stumbles over one
_UNITS: Final = {  # JCAMP's words for axes, and ours
    "1/CM": "1/cm",
    "CM-1": "1/cm",
    "NANOMETERS": "nm",
    "NANOMETRES": "nm",
    "MICROMETERS": "um",
    "MINUTES": "min",
    "MIN": "min",
    "SECONDS": "s",
    "HZ": "Hz",
    "PPM": "ppm",
    "M/Z": "",
}


def recognises(data: bytes) -> bool:
    """Whether a file begins as JCAMP-DX does: with a labelled record of its title."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].upper().replace(b" ", b"").startswith(b"##TITLE=")


def read(_: str, data: bytes) -> Sequence[Reading]:
    """One reading for each block.

    The sample is the record SAMPLE DESCRIPTION, else the title. NMR spectra in hertz are on a scale of ppm where the
    file gives the observe frequency.

    Raises:
        AnalysisError: The package is missing, the file is damaged, or a check inside it fails.
    """
    try:
        import jcamp
    except ImportError:
        raise AnalysisError("JCAMP-DX files need the package jcamp; pip install 'hakken[instruments]'") from None
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):  # it prints what its checks find
            found: Mapping[str, Any] = jcamp.read(io.BytesIO(_COMMENT.sub(b"", data)))
    except Exception as error:  # it raises whatever a damaged line makes it stumble over
        raise AnalysisError(f"it is not sound JCAMP-DX ({type(error).__name__}: {error}); export it anew") from None
    if complaint := said.getvalue().strip():
        raise AnalysisError(f"it is damaged: {complaint.splitlines()[0]} Export it anew")
    if b"##END" not in data.upper():
        raise AnalysisError("it has no ##END= record: a part is missing; export it anew")
    blocks = found.get("children") or [found]
    return [_reading(block, number, len(blocks)) for number, block in enumerate(blocks, start=1)]


def _reading(block: Mapping[str, Any], number: int, blocks: int) -> Reading:
    where = f"block {number}" if blocks > 1 else "the spectrum"
    x, y = [float(v) for v in block.get("x", ())], [float(v) for v in block.get("y", ())]
    declared = block.get("npoints")
    if not x or len(x) != len(y) or (isinstance(declared, int) and declared != len(y)):
        raise AnalysisError(f"{where} declares {declared} points and has {len(y)}; export it anew")
    unit = _UNITS.get(str(block.get("xunits", "")).strip().upper(), str(block.get("xunits", "")).strip())
    if unit == "Hz" and (frequency := block.get(".observe frequency")):
        x, unit = [v / float(frequency) for v in x], "ppm"
    label, taken = _label(block), str(block.get("longdate") or block.get("date") or "")
    if "peak table" in block:
        return Reading(label, where, unit, tuple(Peak(a, b) for a, b in zip(x, y, strict=True)), taken=taken)
    pairs = sorted(zip(x, y, strict=True))
    if str(block.get("yunits", "")).strip().upper() in ("TRANSMITTANCE", "TRANSMISSION"):
        raise AnalysisError(f"{where} is in transmittance, which adds up to nothing; export absorbance")
    return Reading(label, where, unit, None, Trace(tuple(a for a, _ in pairs), tuple(b for _, b in pairs)), taken=taken)


def _label(block: Mapping[str, Any]) -> Label:
    sample = str(block.get("sample description") or block.get("title") or "")
    return label_of(str(block.get("$key", "")), sample, str(block.get("$plate", "")), str(block.get("$well", "")))
