"""A container file: one JSON header and named arrays, with the same bytes for the same content.

It is a stored zip of ``header.json`` and ``NAME.npy`` members (docs/timeline-format.md), so
``numpy.load`` and ``unzip`` open it too. Nothing here knows what the arrays mean. Reading never unpickles,
never allocates more than the file's own length, and blames every fault on the file with one TimelineError.
"""

from __future__ import annotations

import io
import json
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
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError, ValueError) as error:
        # What zipfile, json and numpy raise on foreign bytes: a member that is absent (KeyError), of another
        # zip version (NotImplementedError), encrypted (RuntimeError), no JSON or npy (ValueError).
        raise TimelineError(f"{path}: not a sky file, or truncated or corrupt ({error})") from error


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
    return archive.read(info)  # checks the CRC-32


def _header(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    if _HEADER not in archive.namelist():
        raise TimelineError(f"{path}: not a sky file: it has no {_HEADER}")
    header = json.loads(_read(path, archive, _HEADER))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TimelineError(f"{path}: not a sky file: its format is not {FORMAT!r}")
    if header.get("version") != VERSION:
        raise TimelineError(
            f"{path}: sky format version {header.get('version')!r}, this linkemu reads {VERSION}"
        )
    return header


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    body = io.BytesIO(_read(path, archive, name))
    if np.lib.format.read_magic(body) != (1, 0):
        raise TimelineError(f"{path}: member {name!r} is not an npy array of version 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(body)
    data = body.read()
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject or fortran or count * dtype.itemsize != len(data):
        raise TimelineError(f"{path}: member {name!r} doesn't hold the array that it announces")
    return np.frombuffer(data, dtype=dtype).reshape(shape)
