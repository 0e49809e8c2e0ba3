"""What the control API reads: JSON bodies, checked as far as the data plane doesn't, and addresses of links.

Every problem is an InputError that names the key. Effects of overrides are those of link.overlayform, which
reads them in the data plane.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import Request

from linkemu.access.line import Document
from linkemu.access.settings import Behaviour, Door, Outages, address
from linkemu.errors import AbsentError, InputError

MOST_BODY_BYTES = 1 << 18


async def body(request: Request, keys: Collection[str]) -> Document:
    """The JSON object of a request with no other keys than these; an empty body is an empty object."""
    text = await read(request)
    try:
        document = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise InputError("body", f"is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise InputError("body", "expected a JSON object")
    strange = [key for key in document if key not in keys]
    if strange:
        raise InputError(strange[0][:40], f"unknown key, expected one of {', '.join(keys)}")
    return document


async def read(request: Request) -> bytes:
    """The body, if it isn't too long."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MOST_BODY_BYTES:
            raise InputError("body", f"is longer than {MOST_BODY_BYTES} bytes")
    return bytes(parts)


def row(document: Any, links: Mapping[str, int]) -> Document:
    """An override as the data plane reads it: its ``link``, by default the only one, as two ends."""
    if not isinstance(document, dict):
        raise InputError("impose", "expected a list of objects")
    effects = {key: value for key, value in document.items() if key != "link"}
    station, _, satellite = link(document.get("link"), links).partition(":")
    return {**effects, "station": station, "satellite": satellite}


def link(name: object, links: Mapping[str, int]) -> str:
    """The name of a link that there is; None means the only one."""
    if name is None and len(links) == 1:
        return next(iter(links))
    if name is None:
        raise InputError("link", f"there are several, expected one of {', '.join(links)}")
    if not isinstance(name, str) or name not in links:
        raise AbsentError("link", f"{str(name)[:60]!r} is none of {', '.join(links)}")
    return name


DOOR_KEYS = ("name", "link", "listen", "to", "protocol", "outage", "uplink")


def door(document: Document, links: Mapping[str, int]) -> Document:
    """A door as the data plane reads it."""
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable() or "/" in name:
        raise InputError("name", "expected 1 to 100 printable characters, none of them /")
    protocol = _one_of(document, "protocol", "tcp", "udp")
    uplink = _one_of(document, "uplink", "client", "server")
    outages = Outages.parse(_text(document, "outage", Behaviour.HOLD.value), "outage")
    if protocol == "udp" and outages != Outages():
        raise InputError("outage", "has no meaning for datagrams")
    listen = address(_text(document, "listen", "127.0.0.1:0"), "listen", any_port=True)
    to = address(_text(document, "to", ""), "to")
    number = links[link(document.get("link"), links)]
    return Door(listen, to, protocol, outages, uplink, number, name).document()  # type: ignore[arg-type]


def flag(document: Document, key: str) -> bool:
    """A value that must be there, true or false."""
    value = document.get(key)
    if not isinstance(value, bool):
        raise InputError(key, "expected true or false")
    return value


def lease(document: Document) -> str | None:
    value = document.get("lease")
    if value is not None and not isinstance(value, str):
        raise InputError("lease", "expected the id of a lease")
    return value


def _text(document: Document, key: str, default: str) -> str:
    value = document.get(key, default)
    if not isinstance(value, str):
        raise InputError(key, "expected a text")
    return value


def _one_of(document: Document, key: str, *known: str) -> str:
    value = document.get(key, known[0])
    if value not in known:
        raise InputError(key, f"{str(value)[:40]!r} is not one of {', '.join(known)}")
    return str(value)
