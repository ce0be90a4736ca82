"""Arrays of numbers and text in one file of NumPy's format, and nothing else in it.

Written without compression, so that an array can be no larger than its file; and read without
``numpy.load``, which makes room for whatever size a header claims.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gmts_models.errors import DataError

Array = npt.NDArray[Any]

PLAIN_KINDS = "biufUmM"
"""Kinds of NumPy's types that are kept: flags, numbers, text, times."""


def write_arrays(arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of an .npz file; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return buffer.getvalue()


def read_arrays(content: bytes, where: str) -> dict[str, Array]:
    """Return the arrays of an .npz file.

    Raises
    ------
    DataError : it is no such file, or holds anything but numbers and text.
    """
    return {
        name.removesuffix(".npy"): read_array(member, f"{where}, {name}")
        for name, member in read_members(content, where).items()
    }


def read_members(content: bytes, where: str) -> dict[str, bytes]:
    """Return what lies in an uncompressed zip file, by name.

    Raises
    ------
    DataError : it is damaged, compressed, or claims to hold more than there is.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = archive.infolist()
            stored = all(each.compress_type == zipfile.ZIP_STORED for each in found)
            stored &= sum(each.file_size for each in found) <= len(content)
            single = len({each.filename for each in found}) == len(found)
            if stored and single:
                return {each.filename: archive.read(each) for each in found}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise DataError("a file of the model is damaged", where=where, fix=AS_SAVED) from None
    trouble = "a file holds one name twice" if stored else "a compressed file is not read"
    raise DataError(trouble, where=where, fix=AS_SAVED)


def read_array(content: bytes, where: str, *, records: bool = False) -> Array:
    """Return the array of the bytes of an .npy file.

    Parameters
    ----------
    records : whether it may have named fields of numbers, as scikit-learn's trees have.

    Raises
    ------
    DataError : it is no such file, its size is not what it says, or it holds objects.
    """
    buffer = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(buffer)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(buffer)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, OverflowError):
        raise DataError("an array is damaged", where=where, fix=AS_SAVED) from None
    fields = [dtype[name] for name in dtype.names or ()]
    plain = all(each.kind in PLAIN_KINDS for each in fields) if fields else True
    if dtype.hasobject or not (dtype.kind in PLAIN_KINDS or (records and fields and plain)):
        raise DataError(
            "an array holds neither numbers nor text, and is not read", where=where, fix=AS_SAVED
        )
    rest = content[buffer.tell() :]
    size = dtype.itemsize
    count = 1
    for length in shape:
        count *= length
    if min(shape, default=0) < 0 or count * size != len(rest) or (count and not size):
        raise DataError("an array is not of the size that it says", where=where, fix=AS_SAVED)
    flat = np.frombuffer(rest, dtype=dtype, count=count) if count else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")


AS_SAVED = "take the folder anew from where it was saved; it must not be changed"
"""What an error about a damaged file proposes."""
