"""JSON lines over a unix socket between a data plane and the process that controls it. Never blocks.

One object a line. What the other end doesn't read is kept up to a bound; whether something may then be left
out is for those to say who write.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from linkemu.errors import FormatError

_READ_BYTES = 1 << 16
_MOST_LINE_BYTES = 1 << 20
MOST_WAITING_BYTES = 1 << 20

Document = dict[str, Any]


class Line:
    """Order of calls: ``read`` when the socket is readable, ``flush`` when it is writable, ``close``."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._in = bytearray()
        self._out = bytearray()
        self.is_open = True

    def fileno(self) -> int:
        return self._end.fileno()

    @property
    def waiting_bytes(self) -> int:
        """Written, and not yet taken by the other end."""
        return len(self._out)

    def read(self) -> list[Document]:
        """All objects that have come. FormatError if something else has, which ends the line."""
        while self.is_open:
            try:
                data = self._end.recv(_READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self.is_open = bool(data)
            self._in += data
        *lines, rest = self._in.split(b"\n")
        self._in = rest
        if len(rest) > _MOST_LINE_BYTES:
            self.is_open = False
            raise FormatError(f"control: a line of more than {_MOST_LINE_BYTES} bytes")
        return [_document(line) for line in lines]

    def write(self, document: Document) -> None:
        """Send an object, now or as soon as the other end reads."""
        self._out += json.dumps(document, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Give over what waits, as much as is taken."""
        try:
            while self._out:
                del self._out[: self._end.send(self._out[:_READ_BYTES])]
        except BlockingIOError:
            return
        except OSError:
            self.is_open = False
            self._out.clear()

    def close(self) -> None:
        self.is_open = False
        self._end.close()


def _document(line: bytearray) -> Document:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"control: not JSON ({error})") from None
    if not isinstance(read, dict):
        raise FormatError("control: a line is a JSON object")
    return read
