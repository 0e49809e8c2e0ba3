"""The control API by HTTP: what it shows, what it changes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doors import ROOT, echo, eventually, server
from live import World, trip_s, world

from linkemu.control import openapi
from linkemu.control.server import Control
from linkemu.errors import InputError, ResourceError

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def left_as_it_was(echoed: World):
    yield
    assert echoed.ask("POST", "/v1/reset")[0] == 200


def test_the_document_that_is_served_is_that_of_the_docs(echoed):
    status, document = echoed.ask("GET", "/openapi.json", token="")
    assert status == 200
    assert document == json.loads((ROOT / "docs" / "control-openapi.json").read_text())
    assert document["openapi"].startswith("3.1")


def test_every_route_is_in_the_document_and_every_path_is_routed(echoed):
    for path, deeds in openapi.document()["paths"].items():
        for method in ("get", "post", "patch", "delete", "put"):
            status, _ = echoed.ask(method.upper(), path.replace("{name}", "nobody"), "[")
            assert (status != 405) == (method in deeds), (path, method)


def test_without_the_token_nothing_is_told(echoed):
    for token in ("", "wrong", echoed.control.token + "x"):
        status, answer = echoed.ask("GET", "/v1/state", token=token)
        assert status == 401
        assert "token" in answer["error"]
    assert echoed.ask("POST", "/v1/overrides", {"rate_cap_bps": 0}, token="")[0] == 401
    assert echoed.ask("GET", "/v1/overrides")[1] == {"overrides": []}


def test_links_doors_and_state_are_told(echoed):
    _, state = echoed.ask("GET", "/v1/state")
    (link,) = state["links"]
    assert link["link"] == "ground:orbit"
    assert link["up"] == {"rate_bps": 10**8, "delay_s": 0.005, "has_light": True, "until_s": 600.0}
    (door,) = state["doors"]
    host, port = echoed.plane.address
    assert (door["name"], door["listen"], door["is_enabled"]) == ("door", f"{host}:{port}", True)
    assert echoed.ask("GET", "/v1/links/ground:orbit")[1]["link"] == "ground:orbit"
    assert echoed.ask("GET", "/v1/doors/door")[1]["name"] == "door"
    assert 0 < state["now_s"] < 600


def test_an_override_acts_on_a_connection_that_is_there_and_is_lifted(echoed):
    with echoed.connect() as client:
        trip_s(client)
        status, made = echoed.ask("POST", "/v1/overrides", {"delay_added_ns": 100_000_000, "direction": "up"})
        assert (status, made["directions"], made["effects"]) == (201, ["up"], {"delay_added_ns": 100_000_000})
        _, state = echoed.ask("GET", "/v1/state")
        assert state["now_s"] * 1e9 > made["start_s"] * 1e9 - 50e6
        assert eventually(lambda: echoed.ask("GET", "/v1/state")[1]["now_s"] > made["start_s"])
        assert trip_s(client) >= 0.11
        assert echoed.ask("GET", "/v1/state")[1]["links"][0]["up"]["delay_s"] == 0.105
        status, lifted = echoed.ask("DELETE", f"/v1/overrides/{made['name']}")
        assert status == 200
        assert eventually(lambda: echoed.ask("GET", "/v1/state")[1]["now_s"] > lifted["at_s"])
        assert echoed.ask("GET", "/v1/state")[1]["links"][0]["up"]["delay_s"] == 0.005
        assert echoed.ask("DELETE", f"/v1/overrides/{made['name']}")[0] == 404


def test_a_batch_takes_effect_at_one_slot_or_not_at_all(echoed):
    rows = [{"direction": "up", "rate_cap_bps": 10**6}, {"direction": "down", "delay_ns": 10**7}]
    status, done = echoed.ask("POST", "/v1/batch", {"impose": rows})
    assert status == 200
    assert {each["start_s"] for each in done["overrides"]} == {done["at_s"]}
    assert round(done["at_s"] * 1e9) % 10**6 == 0
    names = [each["name"] for each in done["overrides"]]
    for wrong in (
        {"impose": [{"rate_cap_bps": 5}], "lift": ["nobody"]},
        {"impose": [{"rate_cap_bps": 5}, {"rate_cap_bps": -5}]},
        {"impose": [{"rate_cap_bps": 5}, {"corrupt": {"every": 2}}]},
        {"impose": [{"rate_cap_bps": 5}], "doors": {"nobody": False}},
        {"impose": [{"rate_cap_bps": 5, "name": "a"}, {"rate_cap_bps": 5, "name": "a"}]},
        {"lift": names, "doors": {"door": 3}},
    ):
        status, answer = echoed.ask("POST", "/v1/batch", wrong)
        assert status in (400, 404), answer
        assert "\n" not in answer["error"]
        assert [each["name"] for each in echoed.ask("GET", "/v1/overrides")[1]["overrides"]] == names
    assert echoed.ask("POST", "/v1/batch", {"lift": names})[1]["lifted"] == names


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/v1/overrides", "{", 400, "body: is not JSON"),
        ("POST", "/v1/overrides", "[]", 400, "body: expected a JSON object"),
        ("POST", "/v1/overrides", {}, 400, "no effect"),
        ("POST", "/v1/overrides", {"speed": 3}, 400, "speed: unknown key"),
        ("POST", "/v1/overrides", {"rate_cap_bps": "fast"}, 400, "rate_cap_bps"),
        ("POST", "/v1/overrides", {"rate_cap_bps": 1, "direction": "left"}, 400, "direction"),
        ("POST", "/v1/overrides", {"rate_cap_bps": 1, "duration_s": -1}, 400, "duration_s"),
        ("POST", "/v1/overrides", {"rate_cap_bps": 1, "link": "a:b"}, 404, "'a:b' is none of ground:orbit"),
        ("POST", "/v1/overrides", {"rate_cap_bps": 1, "lease": "gone"}, 404, "lease"),
        ("POST", "/v1/overrides", {"rate_cap_bps": 1, "lease": 3}, 400, "lease"),
        ("POST", "/v1/overrides", "x" * 300_000, 400, "body: is longer"),
        ("POST", "/v1/doors", {"name": "a"}, 400, "to: '' is not HOST:PORT"),
        ("POST", "/v1/doors", {"name": "a", "to": "h:1", "protocol": "icmp"}, 400, "protocol"),
        ("POST", "/v1/doors", {"name": "door", "to": "127.0.0.1:1"}, 400, "there is a door of this name"),
        ("PATCH", "/v1/doors/door", {"is_enabled": "no"}, 400, "is_enabled"),
        ("PATCH", "/v1/doors/nobody", {"is_enabled": True}, 404, "door nobody"),
        ("DELETE", "/v1/doors/nobody", None, 404, "door nobody"),
        ("GET", "/v1/doors/door/connections?most=0", None, 400, "connections"),
        ("DELETE", "/v1/doors/door/connections?how=softly", None, 400, "'softly' is not one of"),
        ("GET", "/v1/events?kinds=gossip", None, 400, "kinds"),
        ("GET", "/v1/nothing", None, 404, "not found"),
        ("PUT", "/v1/state", None, 405, "method not allowed"),
    ],
)
def test_bad_input_is_one_line(echoed, method, path, body, status, said):
    got, answer = echoed.ask(method, path, body)
    assert got == status, answer
    assert said in answer["error"]
    assert "\n" not in answer["error"]


def test_a_door_is_opened_disabled_and_closed(echoed):
    host, port = echoed.far
    status, made = echoed.ask("POST", "/v1/doors", {"name": "second", "to": f"{host}:{port}"})
    assert status == 201
    echoed.plane.addresses["second"] = ("127.0.0.1", int(made["listen"].rpartition(":")[2]))
    with echoed.connect("second") as client:
        trip_s(client)
        taken = {"name": "third", "to": f"{host}:{port}", "listen": made["listen"]}
        assert echoed.ask("POST", "/v1/doors", taken)[0] == 409
        assert echoed.ask("PATCH", "/v1/doors/second", {"is_enabled": False})[1]["is_enabled"] is False
        with pytest.raises(OSError):
            trip_s(client)
    with pytest.raises(ConnectionRefusedError):
        echoed.connect("second")
    assert echoed.ask("PATCH", "/v1/doors/second", {"is_enabled": True})[0] == 200
    with echoed.connect("second") as client:
        trip_s(client)
        assert echoed.ask("DELETE", "/v1/doors/second")[0] == 204
        with pytest.raises(OSError):
            trip_s(client)
    with pytest.raises(ConnectionRefusedError):
        echoed.connect("second")


def test_connections_are_listed_and_broken(echoed):
    with echoed.connect() as one, echoed.connect() as other:
        trip_s(one)
        trip_s(other)
        mine = {f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)}

        def listed() -> dict[str, int]:
            rows = echoed.ask("GET", "/v1/doors/door/connections")[1]["connections"]
            return {each["peer"]: each["number"] for each in rows}

        assert eventually(lambda: listed().keys() == mine)  # those of earlier tests have ended
        last = max(listed().values())
        assert echoed.ask("GET", f"/v1/doors/door/connections?after={last}")[1] == {"connections": []}
        assert echoed.ask("DELETE", "/v1/doors/door/connections")[1]["broken"] == 2
        for client in (one, other):
            with pytest.raises(ConnectionResetError):
                trip_s(client)


def test_only_loopback_is_listened_on():
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(InputError, match="not a loopback address"):
            Control((host, 0))
    with Control(("127.0.0.1", 0)) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(ResourceError, match="Address already in use"):
            Control(("127.0.0.1", port))


def test_the_control_file_is_the_users_alone(tmp_path):
    path = tmp_path / "control.json"
    path.write_text("old")
    path.chmod(0o644)
    with Control(("::1", 0)) as control:
        control.save(path)
        assert json.loads(path.read_text()) == {"url": control.url, "token": control.token}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ResourceError), Control(("127.0.0.1", 0)) as control:
        control.save(Path("/nonexistent/file"))


def test_a_data_plane_that_has_ended_is_told():
    with server(echo) as far, world(far.address) as ended:
        ended.plane.close()
        assert eventually(lambda: ended.ask("GET", "/v1/state")[0] == 503)
        assert ended.ask("GET", "/v1/state")[1] == {"error": "data plane: has ended"}
