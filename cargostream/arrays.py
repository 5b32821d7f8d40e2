"""Arrays from `.npz` bytes that anybody may have made: no pickles, no more memory than a model's own arrays take."""

import io
import zipfile
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

MAX_BYTES = 256_000_000
"""All arrays together, unpacked. A few kilobytes of zip can promise terabytes; golden images are a few megabytes."""


class BadArrays(Exception):
    """The bytes are no arrays that can be used; the message is for a person."""


def read_arrays(data: bytes, names: Iterable[str] | None = None) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of these names, or all of them.

    Raises:
        BadArrays: they are not all there, or the bytes are damaged, hostile or too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise BadArrays(f"{size / 1e6:,.0f} MB unpacked, at most {MAX_BYTES / 1e6:,.0f} MB are read")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in (arrays.files if names is None else names)}
    except BadArrays:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise whatever they meet, MemoryError included
        raise BadArrays((str(error).strip() or type(error).__name__).splitlines()[0]) from error
    for name, array in found.items():
        if not isinstance(array, np.ndarray):  # a member that is none comes as its bytes
            raise BadArrays(f"{name} is no array")
    return found
