"""A container file: one JSON header and named arrays, with the same bytes for the same content.

It is a stored zip of ``header.json`` and ``NAME.npy`` members (docs/timeline-format.md), so
``numpy.load`` and ``unzip`` open it too. Nothing here knows what the arrays mean. Reading never unpickles,
never allocates more than the file's own length, and blames every fault on the file with one TimelineError.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkemu.errors import TimelineError

FORMAT = "linkemu-sky"
VERSION = 1
BEGINS = b"PK\x03\x04"  # as a zip does, and no text
_HEADER = "header.json"
_EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 1  # flag of a member
_NPY_1_0 = b"\x93NUMPY\x01\x00"
_NPY_HEADER = re.compile(  # as numpy.save writes it in C order; numpy's own reader is a parser of Python
    rb"\{'descr': '([<|](?:b1|[iu][1248]|f[248]))', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,18}, ?){0,3}(?:\d{1,18})?)\), \} *\n"
)

Arrays = Mapping[str, NDArray[Any]]


def canonical(document: object) -> bytes:
    """JSON with sorted keys and no spaces, so that equal documents have equal bytes."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(document: object, arrays: Arrays) -> str:
    """blake2b-256 over a document and over name, type, shape and bytes of each array, hexadecimal."""
    total = blake2b(canonical(document), digest_size=32)
    for name in sorted(arrays):
        array = _little_endian(arrays[name])
        total.update(canonical([name, array.dtype.str, list(array.shape)]))
        total.update(array.tobytes())
    return total.hexdigest()


def pack(header: Mapping[str, object], arrays: Arrays) -> bytes:
    """The file's bytes; equal content gives equal bytes, whatever the machine or the hour."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        document = {"format": FORMAT, "version": VERSION, **header}
        archive.writestr(_member(_HEADER), canonical(document))
        for name in sorted(arrays):
            body = io.BytesIO()
            np.lib.format.write_array(body, _little_endian(arrays[name]), version=(1, 0), allow_pickle=False)
            archive.writestr(_member(f"{name}.npy"), body.getvalue())
    return stream.getvalue()


def unpack(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of the file at ``path``.

    Raises:
        TimelineError: no such file, not a sky file, another version, truncated or corrupt.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = _header(path, archive)
            names = [name for name in archive.namelist() if name != _HEADER]
            return header, {name.removesuffix(".npy"): _array(path, archive, name) for name in names}
    except OSError as error:
        raise TimelineError(f"{path}: can't be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        # What zipfile raises on foreign bytes: a member of another zip version (NotImplementedError), at a
        # place that no file has, or with a name that is no text (ValueError).
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> TimelineError:
    return TimelineError(f"{path}: not a sky file, or truncated or corrupt ({error})")


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH_OF_ZIP)
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    ordered: NDArray[Any] = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return ordered


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise TimelineError(f"{path}: member {name!r} is compressed, a sky file stores its members")
    if info.flag_bits & _ENCRYPTED:
        raise TimelineError(f"{path}: member {name!r} is encrypted, a sky file's are not")
    return archive.read(info)  # checks the CRC-32


def _header(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    if _HEADER not in archive.namelist():
        raise TimelineError(f"{path}: not a sky file: it has no {_HEADER}")
    data = _read(path, archive, _HEADER)
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TimelineError(f"{path}: not a sky file: its format is not {FORMAT!r}")
    if header.get("version") != VERSION:
        raise TimelineError(
            f"{path}: sky format version {header.get('version')!r}, this linkemu reads {VERSION}"
        )
    return header


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    body = _read(path, archive, name)
    if not body.startswith(_NPY_1_0):
        raise TimelineError(f"{path}: member {name!r} is not an npy array of version 1.0")
    begin = len(_NPY_1_0) + 2
    end = begin + int.from_bytes(body[begin - 2 : begin], "little")
    header = _NPY_HEADER.fullmatch(body, begin, end)
    if header is not None:
        dtype = np.dtype(header[1].decode())
        shape = [int(length) for length in header[2].split(b",") if length.strip()]
        if end + math.prod(shape) * dtype.itemsize == len(body):
            return np.frombuffer(body, dtype, offset=end).reshape(shape)
    raise TimelineError(f"{path}: member {name!r} doesn't hold the array that it announces")
