"""Toxics of a proxy with as long a name as there can be: each is another, and goes alone."""

from __future__ import annotations

import http.client
import json

import pytest
from doors import echo, server
from live import standing, world

from linkemu.access.settings import spoken

pytestmark = pytest.mark.acceptance


def test_toxics_of_a_proxy_with_a_long_name_are_told_apart() -> None:
    name = "a" * 100
    with server(echo) as far, world(far.address, toxiproxy=("127.0.0.1", 0)) as at:

        def ask(method: str, path: str, document: object = None) -> int:
            connection = http.client.HTTPConnection(str(at.control.toxiproxy_url).removeprefix("http://"))
            try:
                connection.request(method, path, None if document is None else json.dumps(document))
                return connection.getresponse().status
            finally:
                connection.close()

        assert ask("POST", "/proxies", {"name": name, "upstream": spoken(far.address)}) == 201
        toxics = f"/proxies/{name}/toxics"
        for kind, attributes in (("latency", {"latency": 50}), ("bandwidth", {"rate": 100})):
            assert ask("POST", toxics, {"type": kind, "attributes": attributes}) == 200
        assert len({each.name for each in standing(at.link)}) == 2
        assert ask("DELETE", f"{toxics}/latency_downstream") == 204
        (left,) = standing(at.link)
        assert left.effects == {"rate_cap_bps": 800_000}
