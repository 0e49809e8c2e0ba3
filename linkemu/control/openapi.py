"""The OpenAPI 3.1 document of the control API; ``python -m linkemu.control.openapi`` prints it.

It is served at /openapi.json and kept in docs/control-openapi.json, which a test compares. What a key of an
override means is told once, in docs/control.md.
"""

from __future__ import annotations

import json
from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_SECONDS: Schema = {"type": "number", "minimum": 0, "description": "seconds of scenario time"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_DIRECTION: Schema = {"type": "string", "enum": ["up", "down", "both"], "default": "both"}
_PICK: Schema = {
    "description": "which slots or datagrams: each n-th, or a seeded share",
    "oneOf": [
        {
            "type": "object",
            "properties": {"every": {"type": "integer", "minimum": 1}},
            "required": ["every"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},
            "required": ["share"],
            "additionalProperties": False,
        },
    ],
}
_EFFECTS: Schema = {
    "rate_cap_bps": {**_WHOLE, "description": "at most this rate; 0: the sender knows, and holds"},
    "rate_bps": {"type": "integer", "minimum": 1, "description": "exactly this rate, where there is light"},
    "delay_ns": {**_WHOLE, "description": "exactly this one-way delay"},
    "delay_added_ns": {**_WHOLE, "description": "on top of the light time"},
    "erase_slots": _PICK,
    "erase_datagrams": _PICK,
    "duplicate": _PICK,
    "corrupt": _PICK,
    "reorder": _PICK,
    "late_ns": {**_WHOLE, "description": "how much later reordered datagrams arrive"},
}


def _object(properties: Schema, *required: str, closed: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_SCHEMAS: Schema = {
    "Error": _object({"error": {**_TEXT, "description": "one line"}}, "error"),
    "Way": _object({"rate_bps": _WHOLE, "delay_s": _SECONDS, "has_light": _FLAG, "until_s": _SECONDS}),
    "Link": _object({"link": _TEXT, "up": _ref("Way"), "down": _ref("Way")}, "link"),
    "Door": _object(
        {
            "name": _TEXT,
            "link": _TEXT,
            "listen": _TEXT,
            "to": _TEXT,
            "protocol": {"type": "string", "enum": ["tcp", "udp"]},
            "uplink": {"type": "string", "enum": ["client", "server"]},
            "outages": _object({"behaviour": _TEXT, "patience_s": _SECONDS}),
            "is_enabled": _FLAG,
            "doom_s": _SECONDS,
            "connections": _WHOLE,
            "refused": _WHOLE,
        },
        "name",
    ),
    "NewDoor": _object(
        {
            "name": _TEXT,
            "link": _TEXT,
            "listen": {**_TEXT, "default": "127.0.0.1:0"},
            "to": _TEXT,
            "protocol": {"type": "string", "enum": ["tcp", "udp"], "default": "tcp"},
            "outage": {**_TEXT, "default": "hold"},
            "uplink": {"type": "string", "enum": ["client", "server"], "default": "client"},
        },
        "name",
        "to",
        closed=True,
    ),
    "NewOverride": _object(
        {
            "link": {**_TEXT, "description": "STATION:SATELLITE; not needed if there is one"},
            "direction": _DIRECTION,
            "start_s": {**_SECONDS, "description": "scenario time; now if left out"},
            "duration_s": {**_SECONDS, "description": "until lifted if left out"},
            "name": _TEXT,
            "seed": _WHOLE,
            **_EFFECTS,
        },
        closed=True,
    ),
    "Override": _object(
        {
            "name": _TEXT,
            "link": _TEXT,
            "directions": _list({"type": "string", "enum": ["up", "down"]}),
            "start_s": _SECONDS,
            "end_s": {**_SECONDS, "description": "null: until lifted"},
            "effects": _object(_EFFECTS),
        },
        "name",
    ),
    "Batch": _object(
        {
            "impose": _list(_ref("NewOverride")),
            "lift": _list(_TEXT),
            "doors": {"type": "object", "additionalProperties": _FLAG},
            "lease": _TEXT,
        },
        closed=True,
    ),
    "Done": _object({"at_s": _SECONDS, "overrides": _list(_ref("Override")), "lifted": _list(_TEXT)}, "at_s"),
    "State": _object(
        {
            "now_s": _SECONDS,
            "links": _list(_ref("Link")),
            "doors": _list(_ref("Door")),
            "overrides": _list(_ref("Override")),
        }
    ),
    "Report": {"type": "object", "description": "as the command's own with --json"},
}


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _answer(schema: Schema | None, media: str = "application/json") -> Schema:
    return (
        {"description": "done"}
        if schema is None
        else {"description": "done", "content": {media: {"schema": schema}}}
    )


def _deed(
    summary: str,
    answer: Schema | None,
    *,
    body: Schema | None = None,
    status: int = 200,
    query: tuple[Schema, ...] = (),
    media: str = "application/json",
) -> Schema:
    problem = {"description": "refused", "content": {"application/json": {"schema": _ref("Error")}}}
    deed: Schema = {
        "summary": summary,
        "responses": {str(status): _answer(answer, media), "default": problem},
    }
    if body is not None:
        deed["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if query:
        deed["parameters"] = list(query)
    return deed


_STREAM = "text/event-stream"
_PATHS: Schema = {
    "/openapi.json": {"get": _deed("This document, without a token", {"type": "object"})},
    "/v1/state": {"get": _deed("Time, links, doors and overrides", _ref("State"))},
    "/v1/links": {"get": _deed("All links", _object({"links": _list(_ref("Link"))}))},
    "/v1/links/{name}": {"get": _deed("One link, by STATION:SATELLITE", _ref("Link"))},
    "/v1/doors": {
        "get": _deed("All doors", _object({"doors": _list(_ref("Door"))})),
        "post": _deed("Open a door", _ref("Door"), body=_ref("NewDoor"), status=201),
    },
    "/v1/doors/{name}": {
        "get": _deed("One door", _ref("Door")),
        "patch": _deed(
            "Enable or disable a door, or let its connections live for doom_s only (null: for ever)",
            _ref("Door"),
            body=_object({"is_enabled": _FLAG, "doom_s": {"type": ["number", "null"]}}, closed=True),
        ),
        "delete": _deed("Close a door; its connections are reset", None, status=204),
    },
    "/v1/doors/{name}/connections": {
        "get": _deed(
            "Open connections, by their numbers",
            _object({"connections": _list({"type": "object"})}),
            query=(
                _query("after", _WHOLE),
                _query("most", {"type": "integer", "minimum": 1, "maximum": 500}),
            ),
        ),
        "delete": _deed(
            "Reset all, or let the far side forget them",
            _object({"broken": _WHOLE}),
            query=(_query("how", {"type": "string", "enum": ["reset", "half-open"], "default": "reset"}),),
        ),
    },
    "/v1/overrides": {
        "get": _deed("Overrides that stand", _object({"overrides": _list(_ref("Override"))})),
        "post": _deed(
            "Impose one",
            _ref("Override"),
            body=_object({**_SCHEMAS["NewOverride"]["properties"], "lease": _TEXT}, closed=True),
            status=201,
        ),
    },
    "/v1/overrides/{name}": {
        "get": _deed("One override", _ref("Override")),
        "delete": _deed("Lift it, at the next slot", _object({"at_s": _SECONDS}, "at_s")),
    },
    "/v1/batch": {
        "post": _deed("All of it at one slot's edge, or nothing", _ref("Done"), body=_ref("Batch"))
    },
    "/v1/reset": {"post": _deed("Lift all overrides, enable all doors", _object({"at_s": _SECONDS}, "at_s"))},
    "/v1/skip": {
        "post": _deed(
            "Skip time in which nothing happens, up to a moment; which time it is then",
            _object({"now_s": _SECONDS}, "now_s"),
            body=_object({"until_s": _SECONDS}, "until_s", closed=True),
        )
    },
    "/v1/report": {"get": _deed("The fidelity report so far", _ref("Report"))},
    "/v1/events": {
        "get": _deed(
            "What happens, as server-sent events",
            _TEXT,
            query=(
                _query(
                    "kinds", {**_TEXT, "description": "light,override,connection,door,bound; all if left out"}
                ),
            ),
            media=_STREAM,
        )
    },
    "/v1/lease": {
        "get": _deed(
            "Hold a lease: its event tells the id; when the stream ends, what was imposed under it is lifted",
            _TEXT,
            media=_STREAM,
        )
    },
}


def document() -> Schema:
    """The document, as JSON has it."""
    paths: Schema = {}
    for path, deeds in _PATHS.items():
        paths[path] = dict(deeds)
        if "{name}" in path:
            paths[path]["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": _TEXT}]
    paths["/openapi.json"]["get"]["security"] = []
    return {
        "openapi": "3.1.0",
        "info": {"title": "linkemu control API", "version": "1", "description": "docs/control.md"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


if __name__ == "__main__":
    print(json.dumps(document(), indent=1, ensure_ascii=False))
