"""Toxiproxy's API over a link of ours: a client library that knows nothing of us, and requests by hand."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import toxiproxy
from doors import echo, eventually, least, server
from live import World, standing, trip_s, world

from linkemu.access.settings import spoken

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with server(echo) as far, world(far.address, toxiproxy=("127.0.0.1", 0)) as at:
        yield at


def asked(at: World, method: str, path: str, document: object = None, **headers: str) -> tuple[int, Any]:
    url = at.control.toxiproxy_url
    assert url is not None
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20.0)
    try:
        connection.request(method, path, None if document is None else json.dumps(document), headers)
        response = connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text) if text else None
        except ValueError:
            return response.status, text.decode()
    finally:
        connection.close()


def reach(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    return socket.create_connection((host, int(port)), 20.0)


def in_force(at: World, delay_s: float) -> bool:
    return eventually(lambda: at.link.state()["links"][0]["down"]["delay_s"] == delay_s)


def test_the_client_library_of_others(shared):
    outside = toxiproxy.Toxiproxy()
    host, _, port = str(shared.control.toxiproxy_url).removeprefix("http://").rpartition(":")
    outside.update_api_consumer(host, int(port))
    assert outside.running()
    assert json.loads(outside.version()) == {"version": "2.5.0"}
    far = spoken(shared.far)
    proxy = outside.create(upstream=far, name="upload")
    assert set(outside.proxies()) == {"door", "upload"}
    with pytest.raises(Exception, match="already exists"):
        outside.create(upstream=far, name="upload")
    with reach(proxy.listen) as client:
        assert least(lambda: trip_s(client), 0.2) < 0.2
        proxy.add_toxic(type="latency", attributes={"latency": 250})
        assert in_force(shared, 0.255)
        assert trip_s(client) >= 0.26
        assert list(proxy.toxics()) == ["latency_downstream"]
        assert proxy.destroy_toxic("latency_downstream")
        assert in_force(shared, 0.005)
        assert least(lambda: trip_s(client), 0.25) < 0.25
        with proxy.down():
            with pytest.raises(OSError):
                trip_s(client)
            with pytest.raises(ConnectionRefusedError):
                reach(proxy.listen)
    with reach(proxy.listen) as client:
        proxy.add_toxic(type="reset_peer", attributes={"timeout": 0})
        with pytest.raises(OSError):
            trip_s(client)
    assert outside.reset()
    with reach(proxy.listen) as client:
        trip_s(client)
    outside.populate([{"name": "upload", "upstream": far, "listen": proxy.listen}])
    assert outside.destroy(outside.get_proxy("upload"))
    assert set(outside.proxies()) == {"door"}


def test_toxics_of_one_door_combine_are_changed_and_reset(shared):
    toxics = "/proxies/door/toxics"
    status, made = asked(shared, "POST", toxics, {"type": "latency", "attributes": {"latency": 100}})
    assert (status, made["name"], made["stream"], made["toxicity"]) == (
        200,
        "latency_downstream",
        "downstream",
        1.0,
    )
    asked(shared, "POST", toxics, {"name": "more", "type": "latency", "attributes": {"latency": 50}})
    assert in_force(shared, 0.155)
    status, changed = asked(shared, "POST", f"{toxics}/more", {"attributes": {"latency": 70}})
    assert (status, changed["attributes"]) == (200, {"latency": 70, "jitter": 0})
    assert in_force(shared, 0.175)
    asked(shared, "POST", toxics, {"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 1000}})
    assert eventually(lambda: shared.link.state()["links"][0]["up"]["rate_bps"] == 8_000_000)
    assert [each["name"] for each in asked(shared, "GET", toxics)[1]] == [
        "latency_downstream",
        "more",
        "bandwidth_upstream",
    ]
    assert asked(shared, "DELETE", f"{toxics}/more")[0] == 204
    assert asked(shared, "GET", f"{toxics}/more")[0] == 404
    assert asked(shared, "POST", "/reset")[0] == 204
    assert asked(shared, "GET", "/proxies/door")[1]["toxics"] == []
    assert standing(shared.link) == []


def test_a_timeout_holds_the_bytes_and_then_resets(shared):
    with shared.connect() as client:
        trip_s(client)
        asked(shared, "POST", "/proxies/door/toxics", {"type": "timeout", "attributes": {"timeout": 300}})
        with pytest.raises(OSError):
            trip_s(client)
    assert asked(shared, "DELETE", "/proxies/door/toxics/timeout_downstream")[0] == 204
    assert eventually(lambda: shared.link.state()["links"][0]["down"]["has_light"])
    with shared.connect() as client:
        trip_s(client)


def test_of_several_lives_the_shortest_counts_for_as_long_as_it_stands(shared):
    for name, timeout_ms in (("long", 10_000_000), ("short", 0)):
        toxic = {"name": name, "type": "reset_peer", "attributes": {"timeout": timeout_ms}}
        assert asked(shared, "POST", "/proxies/door/toxics", toxic)[0] == 200
    with pytest.raises(OSError), shared.connect() as client:
        trip_s(client)
    assert asked(shared, "DELETE", "/proxies/door/toxics/short")[0] == 204
    with shared.connect() as client:
        trip_s(client)
    assert asked(shared, "DELETE", "/proxies/door/toxics/long")[0] == 204


def test_a_proxy_is_moved_and_populated(shared):
    far = spoken(shared.far)
    wanted = [{"name": "a", "upstream": far}, {"name": "b", "upstream": far, "enabled": False}]
    status, made = asked(shared, "POST", "/populate", wanted)
    assert (status, [each["enabled"] for each in made["proxies"]]) == (201, [True, False])
    assert asked(shared, "POST", "/populate", wanted)[1]["proxies"][0] == made["proxies"][0]
    status, moved = asked(shared, "POST", "/proxies/a", {"upstream": "127.0.0.1:9"})
    assert (status, moved["upstream"], moved["listen"]) == (200, "127.0.0.1:9", made["proxies"][0]["listen"])
    anywhere = [{"name": "a", "upstream": "127.0.0.1:9", "listen": "127.0.0.1:0"}]
    assert asked(shared, "POST", "/populate", anywhere)[1]["proxies"] == [moved]
    asked(shared, "POST", "/proxies/b/toxics", {"type": "latency", "attributes": {"latency": 100}})
    assert len(standing(shared.link)) == 1
    assert asked(shared, "POST", "/proxies/b", {"upstream": "127.0.0.1:9"})[1]["toxics"] == []
    assert standing(shared.link) == [], "toxics go with their proxy"
    assert asked(shared, "POST", "/reset")[0] == 204
    assert asked(shared, "GET", "/proxies/b")[1]["enabled"] is True
    for name in "ab":
        assert asked(shared, "DELETE", f"/proxies/{name}")[0] == 204


def test_a_proxy_that_can_not_be_moved_stays_what_it_was(shared):
    door = asked(shared, "GET", "/proxies/door")[1]
    latency = {"type": "latency", "attributes": {"latency": 50}}
    reset = {"type": "reset_peer", "attributes": {"timeout": 10_000_000}}
    for toxic in (latency, reset):
        assert asked(shared, "POST", "/proxies/door/toxics", toxic)[0] == 200
    before = asked(shared, "GET", "/proxies/door")[1]
    with shared.connect() as client, socket.create_server(("127.0.0.1", 0)) as taken:
        for wrong in (
            {"listen": "nowhere"},
            {"upstream": "nowhere:x"},
            {"upstream": 5},
            {"listen": "h:99999"},
        ):
            assert asked(shared, "PATCH", "/proxies/door", wrong)[0] == 400
            assert asked(shared, "POST", "/populate", [{**door, **wrong}])[0] == 400
        other = {"name": "other", "upstream": spoken(shared.far)}
        assert asked(shared, "POST", "/populate", [other, {"name": "nameless"}])[0] == 400
        assert asked(shared, "GET", "/proxies/other")[0] == 404, "all are sound before any is touched"
        assert trip_s(client) >= 0.05, "wrong addresses cost no connection"
        at = spoken(taken.getsockname()[:2])
        assert asked(shared, "PATCH", "/proxies/door", {"listen": at})[0] == 409
        assert asked(shared, "POST", "/populate", [{**door, "listen": at}])[0] == 409
        with pytest.raises(OSError):
            trip_s(client)
    assert asked(shared, "GET", "/proxies/door")[1] == before
    (told,) = shared.link.doors()
    assert told["doom_s"] == 10_000
    with shared.connect() as client:
        assert trip_s(client) >= 0.05
    assert asked(shared, "POST", "/reset")[0] == 204


def test_a_moved_proxy_is_the_door_that_it_was(shared):
    told = {"outage": "reset:30 s", "uplink": "server"}
    shared.link.open_door("own", "127.0.0.1:9", **told)
    shared.link.open_door("mail", "127.0.0.1:9", protocol="udp")
    before = {each["name"]: each for each in shared.link.doors()}
    for name in ("own", "mail"):
        status, moved = asked(
            shared, "POST", f"/proxies/{name}", {"upstream": "127.0.0.1:10", "enabled": False}
        )
        assert (status, moved["upstream"], moved["enabled"]) == (200, "127.0.0.1:10", False)
        (now,) = (each for each in shared.link.doors() if each["name"] == name)
        assert now == {**before[name], "to": "127.0.0.1:10", "is_enabled": False}
        assert asked(shared, "DELETE", f"/proxies/{name}")[0] == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/proxies/nobody", None, 404),
        ("DELETE", "/proxies/nobody", None, 404),
        ("GET", "/proxies/door/toxics/nothing", None, 404),
        ("POST", "/proxies", [], 400),
        ("POST", "/proxies", {"name": "x"}, 400),
        ("POST", "/proxies", {"name": "door", "upstream": "127.0.0.1:1"}, 409),
        ("POST", "/populate", {}, 400),
        ("POST", "/populate", [3], 400),
        ("POST", "/proxies/door/toxics", {"type": "slicer"}, 400),
        ("POST", "/proxies/door/toxics", {"type": "latency", "toxicity": 0.5}, 400),
        ("POST", "/proxies/door/toxics", {"type": "latency", "attributes": {"jitter": 5}}, 400),
        ("POST", "/proxies/door/toxics", {"type": "latency", "attributes": {"latency": -5}}, 400),
        ("POST", "/proxies/door/toxics", {"type": "latency", "attributes": [1]}, 400),
        ("POST", "/proxies/door/toxics", {"type": "latency", "stream": "sideways"}, 400),
        ("GET", "/nothing", None, 404),
        ("PUT", "/version", None, 405),
    ],
)
def test_bad_input_is_answered_as_toxiproxy_does(shared, method, path, body, status):
    got, answer = asked(shared, method, path, body)
    assert (got, answer["status"]) == (status, status)
    assert "\n" not in answer["error"]
    assert standing(shared.link) == []


def test_browsers_are_turned_away(shared):
    for headers in (
        {"Origin": "http://evil.example"},
        {"User-Agent": "Mozilla/5.0"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8474"},
    ):
        assert asked(shared, "GET", "/proxies", None, **headers)[0] == 403
    assert asked(shared, "GET", "/proxies")[0] == 200
