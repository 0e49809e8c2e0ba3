"""The HTTP door of a ground station: files in by PUT, out by GET with ranges, custody (docs/nodes.md).

Only translation between HTTP and the Station lives here: status codes, headers, JSON. A PUT is answered 202
once the file is durable in the spool, never before; what is cut off in the middle leaves nothing.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ground_station import contacts
from ground_station.custody import Entry, custody_id
from ground_station.incoming import PIECE_BYTES, Incoming, NameTakenError
from ground_station.station import Station
from linkemu.errors import InputError, ResourceError
from linkemu.runtime import web
from linkemu.transfer.manifest import MAX_NAME_BYTES, Manifest

CATALOGUE_NAME = ".catalogue"
MAX_CHUNKS = 1 << 20  # a manifest of 32 MiB; 1 TiB of file in chunks of 1 MiB
_LONGEST_WAIT_s = 3600.0
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")


class _BulkFile(FileResponse):
    chunk_size = PIECE_BYTES


async def serve(station: Station, listener: socket.socket) -> None:
    """Answer requests until cancelled."""
    host, port = listener.getsockname()[:2]
    station.record("door", host=host, port=port)
    if station.context.door_open is not None:
        station.context.door_open((host, port))
    await web.serve(application(station), listener)


def application(station: Station) -> Starlette:
    """The door as an ASGI application."""
    door = Door(station)
    application = Starlette(
        routes=[
            Route("/files/{satellite}/{name:path}", door.put, methods=["PUT"]),
            Route("/files/{satellite}/{name:path}", door.get, methods=["GET", "HEAD"]),
            Route("/custody", door.custodies, methods=["GET"]),
            Route("/custody/{id}", door.custody, methods=["GET"]),
            Route("/custody/{id}", door.drop, methods=["DELETE"]),
            Route("/", door.station, methods=["GET"]),
        ],
        exception_handlers={
            HTTPException: _refused,
            InputError: lambda request, error: _problem(404, str(error)),
            ResourceError: lambda request, error: _problem(507, str(error)),
        },
    )
    application.router.redirect_slashes = False  # an address is right or wrong
    return application


class Door:
    """One method for each way to knock."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._told_failed = set[str]()  # downloads whose failure was answered: the next GET asks anew

    async def put(self, request: Request) -> Response:
        """Take custody of the body: 202 with its address."""
        satellite, name = _target(request)
        self._station.end_to(satellite)
        length = self._length(request)
        incoming = self._station.spool.incoming(satellite, name, _whole(request, "priority", 0, 0, 255))
        try:
            manifest = await _receive(request, incoming, length)
            entry = await self._station.put(incoming, manifest)
        except NameTakenError as error:
            await incoming.abandon()
            return _problem(409, str(error), {"Location": _address(error.entry)})
        except (HTTPException, ResourceError):
            await incoming.abandon()
            raise
        except ClientDisconnect:
            await incoming.abandon()
            return Response(status_code=400)
        return self._accepted(entry)

    async def get(self, request: Request) -> Response:
        """The file if it has landed, else 202 and the custody of its download, ordered if need be."""
        satellite, name = _target(request)
        self._station.end_to(satellite)
        anew = "no-cache" in request.headers.get("cache-control", "") or name == CATALOGUE_NAME
        entry = self._station.spool.ledger.find("get", satellite, name)
        if request.method == "HEAD":
            return self._head(entry)
        wait_s = _seconds(request)
        if entry is None or self._stale(entry, anew):
            self._told_failed.discard(custody_id("get", satellite, name))
            entry = await self._station.get(satellite, name, _whole(request, "priority", 0, 0, 255))
        await self._station.wait(entry, wait_s)
        if self._has_landed(entry):
            return self._content(entry)
        if entry.state == "failed":
            self._told_failed.add(entry.id)
            return _problem(404, entry.problem or "failed", {"Location": _address(entry)})
        return self._accepted(entry)

    async def custodies(self, request: Request) -> Response:
        return JSONResponse({"custody": [self._told(entry) for entry in self._station.spool.ledger]})

    async def custody(self, request: Request) -> Response:
        entry = self._entry(request)
        await self._station.wait(entry, _seconds(request))
        return JSONResponse(self._told(entry))

    async def drop(self, request: Request) -> Response:
        await self._station.give_up(self._entry(request))
        return Response(status_code=204)

    async def station(self, request: Request) -> Response:
        """Who this is, and when it sees whom."""
        now = self._station.now
        links = [
            {
                "satellite": end.peer,
                "light": end.cue.light,
                "rate_bps": end.cue.transmit_rate_bps,
                "next_window": self._window(end.peer, now),
            }
            for end in self._station.ends
        ]
        name = self._station.context.name
        return JSONResponse({"station": name, "at": self._moment(now), "links": links})

    def _length(self, request: Request) -> int:
        text = request.headers.get("content-length")
        if text is None or "transfer-encoding" in request.headers:
            raise HTTPException(411, "a PUT needs Content-Length, which tells a whole file from a cut one")
        limit = MAX_CHUNKS * self._station.context.settings.chunk_bytes
        if int(text) > limit:
            raise HTTPException(413, f"{text} bytes; this station takes files of up to {limit}")
        return int(text)

    def _stale(self, entry: Entry, anew: bool) -> bool:
        """Whether a GET orders the download again: wanted anew, its failure told before, or its file gone."""
        unnamed = self._station.spool.path(entry, "part").is_file()  # just verified: it gets its name now
        gone = entry.state == "verified" and not unnamed and not self._has_landed(entry)
        return entry.ended and (anew or gone or entry.id in self._told_failed)

    def _has_landed(self, entry: Entry) -> bool:
        return entry.state == "verified" and self._fetched(entry).is_file()

    def _head(self, entry: Entry | None) -> Response:
        if entry is None or entry.state == "failed":
            return Response(status_code=404)
        return self._content(entry) if self._has_landed(entry) else self._accepted(entry)

    def _content(self, entry: Entry) -> Response:
        headers = {"ETag": f'"{entry.sha256}"', "Location": _address(entry)}
        if entry.sha256:
            headers["Repr-Digest"] = (
                f"sha-256=:{base64.b64encode(bytes.fromhex(entry.sha256)).decode()}:"  # RFC 9530
            )
        name = entry.name.rsplit("/", 1)[-1]
        return _BulkFile(self._fetched(entry), headers=headers, filename=name or None)

    def _fetched(self, entry: Entry) -> Path:
        return self._station.spool.path(entry, "fetched")

    def _accepted(self, entry: Entry) -> Response:
        return JSONResponse(self._told(entry), status_code=202, headers={"Location": _address(entry)})

    def _entry(self, request: Request) -> Entry:
        entry = self._station.spool.ledger.entries.get(request.path_params["id"])
        if entry is None:
            raise HTTPException(404, f"no custody {request.path_params['id']!r} here")
        return entry

    def _told(self, entry: Entry) -> dict[str, Any]:
        now = self._station.now
        return {
            "id": entry.id,
            "location": _address(entry),
            "action": entry.action,
            "satellite": entry.satellite,
            "name": entry.name,
            "state": entry.state,
            "problem": entry.problem,
            "priority": entry.priority,
            "size_bytes": entry.size,
            "done_bytes": entry.done_bytes,
            "sha256": entry.sha256,
            "times": {state: self._moment(at) for state, at in entry.times.items()},
            "next_window": None if entry.ended else self._window(entry.satellite, now),
        }

    def _window(self, satellite: str, now: float) -> dict[str, Any] | None:
        window = contacts.window(self._station.ends.plan, satellite, now)
        if window is None:
            return None
        return {
            "start": self._moment(window.start_s),
            "end": self._moment(window.end_s),
            "open": window.start_s <= now,
            "expected_bytes": contacts.expected_bytes(window, now),
            "max_elevation_deg": window.max_elevation_deg,
        }

    def _moment(self, at: float) -> dict[str, Any]:
        utc = self._station.context.utc(at).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"scenario_s": round(at, 6), "utc": utc}


async def _receive(request: Request, incoming: Incoming, length: int) -> Manifest:
    """The body, into the draft; 400 if it isn't what the headers state."""
    async for piece in request.stream():
        await incoming.write(piece)
    manifest = await incoming.finish()
    if manifest.size != length:
        raise HTTPException(400, f"{manifest.size} bytes came, Content-Length says {length}")
    stated = _stated_digest(request)
    if stated is not None and stated != manifest.sha256:
        raise HTTPException(400, "the content is not that of its digest: it changed during the upload")
    return manifest


def _stated_digest(request: Request) -> bytes | None:
    """SHA-256 in Content-Digest or Repr-Digest (RFC 9530, section 2)."""
    header = request.headers.get("content-digest") or request.headers.get("repr-digest") or ""
    found = _DIGEST.search(header)
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error as error:
        raise HTTPException(400, "Content-Digest: sha-256 is not base64") from error


def _target(request: Request) -> tuple[str, str]:
    name = request.path_params["name"]
    if not name or len(name.encode()) > MAX_NAME_BYTES or not name.isprintable():
        raise HTTPException(400, f"a file's name takes 1 to {MAX_NAME_BYTES} bytes of printable text")
    if name == CATALOGUE_NAME and request.method == "PUT":
        raise HTTPException(400, f"the name {CATALOGUE_NAME} is reserved")
    return request.path_params["satellite"], name


def _seconds(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.0 <= seconds <= _LONGEST_WAIT_s:
        raise HTTPException(400, f"wait={text}: expected 0 to {_LONGEST_WAIT_s:.0f} seconds")
    return seconds


def _whole(request: Request, key: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(key, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise HTTPException(400, f"{key}={text}: expected {least} to {most}")
    return int(text)


def _address(entry: Entry) -> str:
    return f"/custody/{quote(entry.id)}"


def _problem(status: int, problem: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": problem}, status_code=status, headers=headers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, error.detail, dict(error.headers or {}))
