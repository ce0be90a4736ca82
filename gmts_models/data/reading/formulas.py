"""Formulas of a workbook that no spreadsheet has worked out yet.

A program that writes formulas leaves their results to the spreadsheet that opens the file. Until
then such cells read as empty: of a day of leaving, as if everybody had stayed.
"""

from __future__ import annotations

import io
import re
import zipfile

# A formula whose result is text may be empty; one whose result is a number may not.
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\b(?P<cell>[^>]*)><(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v ?/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_TEXT = re.compile(rb"""\bt=["']str["']""")


def has_formulas_to_work_out(workbook: bytes, part: str) -> bool:
    """Whether a sheet has formulas without a result.

    Parameters
    ----------
    workbook : the file.
    part : name of the sheet's file in it: "xl/worksheets/sheet1.xml".
    """
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        sheet = archive.read(part)
    return any(not _TEXT.search(found["cell"]) for found in _FORMULA.finditer(sheet))
