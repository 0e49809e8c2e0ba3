"""The control API: links, doors, overrides and events of a running data plane by HTTP (docs/control.md).

Only shapes are checked here; what can be done is for the data plane to say. Every problem is
``{"error": "one line"}`` with a status by whom it blames. The OpenAPI document stands in openapi.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from linkemu.access.line import Document
from linkemu.control import forms, openapi
from linkemu.control.feed import Feed, events
from linkemu.control.leases import Leases
from linkemu.control.stream import Stream
from linkemu.control.token import TokenGate
from linkemu.control.wire import Wire
from linkemu.errors import AbsentError, InputError, LinkemuError, ResourceError

_IMPOSE_KEYS = (
    *("link", "direction", "start_s", "duration_s", "name", "seed", "rate_cap_bps", "rate_bps", "delay_ns"),
    *("delay_added_ns", "erase_slots", "erase_datagrams", "duplicate", "corrupt", "reorder", "late_ns"),
)
_KINDS = frozenset({"light", "override", "connection", "door", "bound"})
Answer = Callable[[Request], Awaitable[Response | Stream]]


class Api:
    """The routes over one data plane. ``links`` are its links by name, with their numbers."""

    def __init__(self, wire: Wire, links: Mapping[str, int]) -> None:
        self._wire = wire
        self._links = links
        self._feed = Feed(wire)
        self._leases = Leases(wire)

    def routes(self) -> list[Route]:
        return [
            _route("/openapi.json", GET=self.description),
            _route("/v1/state", GET=self.state),
            _route("/v1/links", GET=partial(self.part, "links")),
            _route("/v1/links/{name:path}", GET=partial(self.one, "links", "link")),
            _route("/v1/doors", GET=partial(self.part, "doors"), POST=self.open_door),
            _route("/v1/doors/{name}/connections", GET=self.connections, DELETE=self.break_connections),
            _route(
                "/v1/doors/{name}",
                GET=partial(self.one, "doors", "name"),
                PATCH=self.change_door,
                DELETE=self.close_door,
            ),
            _route("/v1/overrides", GET=partial(self.part, "overrides"), POST=self.impose),
            _route("/v1/overrides/{name:path}", GET=partial(self.one, "overrides", "name"), DELETE=self.lift),
            _route("/v1/batch", POST=self.batch),
            _route("/v1/reset", POST=self.reset),
            _route("/v1/skip", POST=self.skip),
            _route("/v1/report", GET=self.report),
            _route("/v1/events", GET=self.events),
            _route("/v1/lease", GET=self.lease),
        ]

    async def description(self, request: Request) -> Response:
        return JSONResponse(openapi.document())

    async def state(self, request: Request) -> Response:
        return JSONResponse(await self._wire.ask("state"))

    async def part(self, part: str, request: Request) -> Response:
        return JSONResponse({part: (await self._wire.ask("state"))[part]})

    async def one(self, part: str, key: str, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse(await self._find(part, key, name))

    async def open_door(self, request: Request) -> Response:
        asked = forms.door(await forms.body(request, forms.DOOR_KEYS), self._links)
        return JSONResponse(await self._wire.ask("open", door=asked), 201)

    async def close_door(self, request: Request) -> Response:
        await self._wire.ask("close", door=request.path_params["name"])
        return Response(status_code=204)

    async def change_door(self, request: Request) -> Response:
        name, asked = request.path_params["name"], await forms.body(request, ("is_enabled", "doom_s"))
        if not asked:
            raise InputError("body", "expected is_enabled or doom_s")
        if "is_enabled" in asked:
            await self._wire.ask("batch", doors={name: forms.flag(asked, "is_enabled")})
        if "doom_s" in asked:
            await self._wire.ask("doom", door=name, after_s=asked["doom_s"])
        return JSONResponse(await self._find("doors", "name", name))

    async def connections(self, request: Request) -> Response:
        after = _number(request, "after", 0)
        most = _number(request, "most", 100)
        asked = {"door": request.path_params["name"], "after": after, "most": most}
        return JSONResponse(await self._wire.ask("connections", **asked))

    async def break_connections(self, request: Request) -> Response:
        how = request.query_params.get("how", "reset")
        return JSONResponse(await self._wire.ask("break", door=request.path_params["name"], how=how))

    async def impose(self, request: Request) -> Response:
        asked = await forms.body(request, (*_IMPOSE_KEYS, "lease"))
        lease = forms.lease(asked)
        asked.pop("lease", None)
        done = await self._change({"impose": [asked]}, lease)
        return JSONResponse(done["overrides"][0], 201)

    async def lift(self, request: Request) -> Response:
        done = await self._change({"lift": [request.path_params["name"]]}, None)
        return JSONResponse({"at_s": done["at_s"]})

    async def batch(self, request: Request) -> Response:
        asked = await forms.body(request, ("impose", "lift", "doors", "lease"))
        lease = forms.lease(asked)
        asked.pop("lease", None)
        return JSONResponse(await self._change(asked, lease))

    async def reset(self, request: Request) -> Response:
        await forms.body(request, ())
        return JSONResponse(await self._wire.ask("reset"))

    async def skip(self, request: Request) -> Response:
        asked = await forms.body(request, ("until_s",))
        return JSONResponse(await self._wire.ask("skip", **asked))

    async def report(self, request: Request) -> Response:
        return JSONResponse(await self._wire.ask("report"))

    async def events(self, request: Request) -> Stream:
        wanted = frozenset(filter(None, request.query_params.get("kinds", "").split(",")))
        if wanted - _KINDS:
            raise InputError("kinds", f"{sorted(wanted - _KINDS)[0][:40]!r} is none of {', '.join(_KINDS)}")
        reader = await self._feed.open()
        return Stream(events(reader, wanted), partial(self._feed.close, reader))

    async def lease(self, request: Request) -> Stream:
        lease = self._leases.begin()
        return Stream(self._held(lease), partial(self._leases.end, lease))

    async def _held(self, lease: str) -> AsyncIterator[Document]:
        yield {"event": "lease", "lease": lease}
        await self._wire.gone.wait()

    async def _change(self, asked: Document, lease: str | None) -> Document:
        self._leases.check(lease)
        rows = asked.get("impose", [])
        if not isinstance(rows, list):
            raise InputError("impose", "expected a list of objects")
        told = {**asked, "impose": [forms.row(each, self._links) for each in rows]}
        done: Document = await self._wire.ask("batch", **told)
        await self._leases.hold(lease, [each["name"] for each in done["overrides"]])
        return done

    async def _find(self, part: str, key: str, name: str) -> Document:
        for each in (await self._wire.ask("state"))[part]:
            if each[key] == name:
                found: Document = each
                return found
        raise AbsentError(part, f"{name[:60]!r} is not there")


def application(wire: Wire, links: Mapping[str, int], token: str) -> ASGIApp:
    """The API as an ASGI application; who has no token gets nothing but the OpenAPI document."""
    gate = Middleware(TokenGate, token=token, free=("/openapi.json",))
    routes = Api(wire, links).routes()
    return Starlette(routes=routes, middleware=[gate], exception_handlers=HANDLERS)


def _route(path: str, **answers: Answer) -> Route:
    """One path; ``answers`` by their methods."""

    async def answer(request: Request) -> Response | Stream:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answer, methods=list(answers))


def _number(request: Request, key: str, default: int) -> int:
    text = request.query_params.get(key, str(default))
    if not text.isdecimal() or len(text) > 18:
        raise InputError(key, f"{text[:40]!r} is not a number")
    return int(text)


async def _refuse(request: Request, error: Exception) -> Response:
    match error:
        case AbsentError():
            status = 404
        case InputError():
            status = 400
        case ResourceError(resource="data plane"):
            status = 503
        case ResourceError():
            status = 409
        case HTTPException():
            return JSONResponse({"error": str(error.detail).lower()}, error.status_code, error.headers)
        case _:
            status = 400
    return JSONResponse({"error": str(error)}, status)


HANDLERS = {LinkemuError: _refuse, HTTPException: _refuse}
