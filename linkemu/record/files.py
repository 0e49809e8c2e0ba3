"""Files of a recorded run: put in place whole, and known by their length and digest.

A file is the old one or the new one after a crash, never a torn one. Traces alone grow where they lie
(chain.py).
"""

from __future__ import annotations

import json
import os
import shutil
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any

from linkemu.errors import InputError, RecordError, ResourceError

Sum = tuple[int, str]
"""Bytes of a file, and blake2b-256 over them, hexadecimal."""


def put(path: Path, data: bytes) -> None:
    """Write the file; its bytes are durable before it has its name. ResourceError if the disk refuses."""
    draft = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ResourceError(str(path), error.strerror or str(error)) from error


def put_document(path: Path, document: object) -> None:
    put(path, encoded(document))


def encoded(document: object) -> bytes:
    """JSON for people to read; the same document gives the same bytes."""
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def keep(source: Path, target: Path) -> None:
    """Copy a user's file into the run. InputError if it can't be read, ResourceError if not be written."""
    try:
        with source.open("rb"):
            pass
    except OSError as error:
        raise InputError(str(source), error.strerror or str(error)) from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise ResourceError(str(target), error.strerror or str(error)) from error


def summed(path: Path) -> Sum:
    """RecordError if it isn't there."""
    try:
        with path.open("rb") as file:
            digest = file_digest(file, lambda: blake2b(digest_size=32))
            return file.tell(), digest.hexdigest()
    except OSError as error:
        raise RecordError(str(path), None, f"can't be read: {error.strerror or error}") from error


def read(path: Path) -> bytes:
    """RecordError if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(str(path), None, f"can't be read: {error.strerror or error}") from error


def document(path: Path) -> Any:
    """The JSON in a file; RecordError with the line where it isn't."""
    try:
        return json.loads(read(path).decode())
    except UnicodeDecodeError as error:
        raise RecordError(str(path), None, f"is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise RecordError(str(path), error.lineno, f"is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(str(path), None, f"is not JSON ({error})") from error
