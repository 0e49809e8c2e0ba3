"""A subset of Toxiproxy's HTTP API, so that its client libraries can break a link of ours (docs/control.md).

Its routes and JSON are those of Toxiproxy 2.5 (https://github.com/Shopify/toxiproxy, README, "HTTP API"). A
proxy is a door; a toxic acts on the door's link, and so on all its doors. Toxiproxy knows no token: this
listener refuses browsers instead, by whatever they can't leave out.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from linkemu.access.line import Document
from linkemu.control import forms
from linkemu.control.browsers import NoBrowser
from linkemu.control.toxics import Toxic, attributes, effect
from linkemu.control.wire import Wire
from linkemu.errors import AbsentError, InputError, LinkemuError, ResourceError

VERSION = "2.5.0"


@dataclass(slots=True)
class _Proxies:
    """The toxics of each door, by their names."""

    toxics: dict[str, dict[str, Toxic]] = field(default_factory=dict)
    count: int = 0


class Toxiproxy:
    """The routes over one data plane."""

    def __init__(self, wire: Wire, links: Mapping[str, int]) -> None:
        self._wire = wire
        self._links = links
        self._known = _Proxies()

    def routes(self) -> list[Route]:
        return [
            _route("/version", GET=self.version),
            _route("/proxies", GET=self.proxies, POST=self.create),
            _route("/populate", POST=self.populate),
            _route("/reset", POST=self.reset),
            _route(
                "/proxies/{proxy}", GET=self.proxy, POST=self.update, PATCH=self.update, DELETE=self.delete
            ),
            _route("/proxies/{proxy}/toxics", GET=self.toxics, POST=self.add),
            _route(
                "/proxies/{proxy}/toxics/{toxic}",
                GET=self.toxic,
                POST=self.change,
                PATCH=self.change,
                DELETE=self.remove,
            ),
        ]

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": VERSION})

    async def proxies(self, request: Request) -> Response:
        return JSONResponse({door["name"]: self._shown(door) for door in await self._doors()})

    async def create(self, request: Request) -> Response:
        return JSONResponse(await self._create(await _object(request)), 201)

    async def populate(self, request: Request) -> Response:
        """Create those that aren't there; replace those whose addresses differ, as Toxiproxy does."""
        wanted = _parsed(await forms.read(request))
        if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
            raise InputError("body", "expected a list of proxies")
        for each in wanted:
            self._told(each)  # all are sound before any is touched
        made = []
        for each in wanted:
            door = next((door for door in await self._doors() if door["name"] == each["name"]), None)
            if door is None:
                made.append(await self._create(each))
            else:
                made.append(self._shown(door) if _is_same(door, each) else await self._move(door, each))
        return JSONResponse({"proxies": made}, 201)

    async def reset(self, request: Request) -> Response:
        for name in list(self._known.toxics):
            await self._cure(name)
        for door in await self._doors():
            await self._wire.ask("batch", doors={door["name"]: True})
        return Response(status_code=204)

    async def proxy(self, request: Request) -> Response:
        return JSONResponse(self._shown(await self._door(request)))

    async def update(self, request: Request) -> Response:
        door, wanted = await self._door(request), await _object(request)
        name = door["name"]
        if not _is_same(door, wanted):
            return JSONResponse(await self._move(door, {**_wanted(door), **wanted, "name": name}))
        if isinstance(wanted.get("enabled"), bool):
            await self._wire.ask("batch", doors={name: wanted["enabled"]})
        return JSONResponse(self._shown(await self._door(request)))

    async def delete(self, request: Request) -> Response:
        await self._close((await self._door(request))["name"])
        return Response(status_code=204)

    async def toxics(self, request: Request) -> Response:
        door = await self._door(request)
        return JSONResponse(self._shown(door)["toxics"])

    async def toxic(self, request: Request) -> Response:
        return JSONResponse(self._toxic(request, await self._door(request)).shown())

    async def add(self, request: Request) -> Response:
        door, wanted = await self._door(request), await _object(request)
        kind, stream = str(wanted.get("type")), wanted.get("stream") or "downstream"
        if stream not in ("upstream", "downstream"):
            raise InputError("stream", f"{str(stream)[:40]!r} is not one of upstream, downstream")
        if wanted.get("toxicity", 1.0) != 1.0:
            raise InputError("toxicity", "only 1.0: a link is the same for all connections")
        name = str(wanted.get("name") or f"{kind}_{stream}")
        if name in self._known.toxics.get(door["name"], {}):
            raise ResourceError("toxic", "already exists")
        toxic = Toxic(name, kind, stream, attributes(kind, wanted.get("attributes")))
        await self._infect(door, toxic)
        return JSONResponse(toxic.shown())

    async def change(self, request: Request) -> Response:
        door, wanted = await self._door(request), await _object(request)
        before = self._toxic(request, door)
        given = wanted.get("attributes") or {}
        if not isinstance(given, dict):
            raise InputError("attributes", "expected an object")
        merged = attributes(before.type, {**before.attributes, **given})
        toxic = Toxic(before.name, before.type, before.stream, merged)
        await self._infect(door, toxic, instead_of=before)
        return JSONResponse(toxic.shown())

    async def remove(self, request: Request) -> Response:
        door = await self._door(request)
        toxic = self._toxic(request, door)
        if toxic.override is not None:
            await self._wire.ask("drop", names=[toxic.override])
        del self._known.toxics[door["name"]][toxic.name]
        await self._doom(door["name"])
        return Response(status_code=204)

    async def _infect(self, door: Document, toxic: Toxic, instead_of: Toxic | None = None) -> None:
        """Impose what a toxic does, and in the same moment lift what the one before it has done."""
        lift = [] if instead_of is None or instead_of.override is None else [instead_of.override]
        does = effect(toxic)
        if does or lift:
            self._known.count += 1
            name = f"toxiproxy {self._known.count} {door['name']} {toxic.name}"[:100]
            is_up = (toxic.stream == "upstream") == (door["uplink"] == "client")
            row = {"link": door["link"], "direction": "up" if is_up else "down", "name": name, **does}
            impose = [forms.row(row, self._links)] if does else []
            await self._wire.ask("batch", impose=impose, lift=lift)
            toxic.override = name if does else None
        self._known.toxics.setdefault(door["name"], {})[toxic.name] = toxic
        await self._doom(door["name"])

    async def _doom(self, door: str) -> None:
        """How long connections of a door may live, by those of its toxics that say so."""
        lives = [
            toxic.life_s for toxic in self._known.toxics.get(door, {}).values() if toxic.life_s is not None
        ]
        state = await self._doors()
        if any(each["name"] == door and each["protocol"] == "tcp" for each in state):
            await self._wire.ask("doom", door=door, after_s=min(lives, default=None))

    async def _cure(self, door: str) -> None:
        """Take all toxics from a door."""
        toxics = self._known.toxics.pop(door, {}).values()
        await self._wire.ask("drop", names=[each.override for each in toxics if each.override is not None])
        await self._doom(door)

    async def _close(self, door: str) -> None:
        await self._cure(door)
        await self._wire.ask("close", door=door)

    async def _create(self, wanted: Document) -> Document:
        if any(door["name"] == wanted.get("name") for door in await self._doors()):
            raise ResourceError("proxy", "already exists")
        return self._shown(await self._open(self._told(wanted), wanted))

    async def _move(self, door: Document, wanted: Document) -> Document:
        """Open a door at other addresses, without its toxics; if these can't be had it is as it was."""
        told = self._told(wanted, door)
        await self._wire.ask("close", door=door["name"])
        try:
            moved = await self._open(told, wanted)
        except LinkemuError:
            await self._open(self._told(_wanted(door), door), _wanted(door))
            await self._doom(door["name"])
            raise
        await self._cure(door["name"])
        return self._shown(moved)

    async def _open(self, told: Document, wanted: Document) -> Document:
        door: Document = await self._wire.ask("open", door=told)
        if wanted.get("enabled") is False:
            await self._wire.ask("batch", doors={door["name"]: False})
            door = {**door, "is_enabled": False}
        return door

    def _told(self, wanted: Document, door: Document | None = None) -> Document:
        """The door that a proxy asks for: a new one over the first link, or ``door`` elsewhere."""
        asked = {
            "name": wanted.get("name"),
            "listen": wanted.get("listen") or "127.0.0.1:0",
            "to": wanted.get("upstream"),
            "link": next(iter(self._links)) if door is None else door["link"],
        }
        kept = {} if door is None else {key: door[key] for key in ("protocol", "outages", "uplink")}
        return forms.door(asked, self._links) | kept

    async def _doors(self) -> list[Document]:
        doors: list[Document] = (await self._wire.ask("state"))["doors"]
        return doors

    async def _door(self, request: Request) -> Document:
        name = request.path_params["proxy"]
        for door in await self._doors():
            if door["name"] == name:
                return door
        raise AbsentError("proxy", "not found")

    def _toxic(self, request: Request, door: Document) -> Toxic:
        toxic = self._known.toxics.get(door["name"], {}).get(request.path_params["toxic"])
        if toxic is None:
            raise AbsentError("toxic", "not found")
        return toxic

    def _shown(self, door: Document) -> Document:
        toxics = self._known.toxics.get(door["name"], {}).values()
        return {**_wanted(door), "toxics": [toxic.shown() for toxic in toxics]}


def application(wire: Wire, links: Mapping[str, int]) -> ASGIApp:
    """The subset as an ASGI application."""
    routes = Toxiproxy(wire, links).routes()
    return NoBrowser(
        Starlette(routes=routes, exception_handlers={LinkemuError: _refuse, HTTPException: _refuse})
    )


def _wanted(door: Document) -> Document:
    """The proxy that asks for a door as it is."""
    return {
        "name": door["name"],
        "listen": door["listen"],
        "upstream": door["to"],
        "enabled": door["is_enabled"],
    }


def _is_same(door: Document, wanted: Document) -> bool:
    """Whether a proxy asks for the addresses that a door has; port 0 asks for any."""
    upstream, listen = wanted.get("upstream", door["to"]), wanted.get("listen") or door["listen"]
    return upstream == door["to"] and (listen == door["listen"] or str(listen).endswith(":0"))


async def _object(request: Request) -> Document:
    parsed = _parsed(await forms.read(request))
    if not isinstance(parsed, dict):
        raise InputError("body", "expected a JSON object")
    return parsed


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise InputError("body", f"is not JSON ({error})") from None


def _route(path: str, **answers: Callable[[Request], Awaitable[Response]]) -> Route:
    async def answer(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answer, methods=list(answers))


async def _refuse(request: Request, error: Exception) -> Response:
    """As Toxiproxy words it: {"error", "status"}."""
    status = 400
    match error:
        case AbsentError():
            status = 404
        case ResourceError(resource="data plane"):
            status = 503
        case ResourceError():
            status = 409
        case HTTPException():
            status = error.status_code
    text = str(error.detail) if isinstance(error, HTTPException) else str(error).replace(": ", " ", 1)
    return JSONResponse({"error": text, "status": status}, status)
