"""What an outage does to connections (docs/proxy.md) it does too when it is imposed while they live."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from doors import echo, eventually, exactly, server
from live import World, trip_s, world

from linkemu.access.settings import Door, Outages

pytestmark = pytest.mark.acceptance


@contextmanager
def doors(*behaviours: str) -> Iterator[World]:
    """A door for each behaviour, over one link, all to a server that sends back."""
    with server(echo) as far:
        told = [
            Door(("127.0.0.1", 0), far.address, outages=Outages.parse(each), name=each) for each in behaviours
        ]
        with world(far.address, doors=told) as at:
            yield at


def test_each_door_meets_a_live_outage_by_its_own_behaviour():
    with doors("hold", "refuse", "reset:0.3s", "half-open") as at:
        clients = {name: at.connect(name) for name in at.plane.addresses}
        for client in clients.values():
            trip_s(client)
        with at.link.outage(direction="down"):
            assert eventually(lambda: not at.link.state()["links"][0]["down"]["has_light"])
            with pytest.raises(ConnectionRefusedError):
                at.connect("refuse")
            with pytest.raises(ConnectionResetError):
                clients["reset:0.3s"].recv(1)
            for name in ("hold", "refuse", "half-open"):
                clients[name].sendall(b"y")
        for name in ("hold", "refuse"):
            assert exactly(clients[name], 1) == b"y"
        with pytest.raises(ConnectionResetError):
            clients["half-open"].recv(1)  # a round trip after light has come back
        assert eventually(lambda: can_connect(at, "refuse"))
        for client in clients.values():
            client.close()
        by_name = {each["name"]: each for each in at.link.report()}
        edges = by_name["hold"]["ways"][1]["edges"]
        assert len(edges) == 2 and edges[0]["end_s"] < edges[1]["start_s"] <= edges[1]["first_s"]


def test_arq_repeats_what_a_live_override_erases_and_loses_nothing():
    with doors("arq") as at, at.connect("arq") as client:
        trip_s(client)
        with at.link.override(erasure=0.3, seed=5):
            assert eventually(lambda: at.link.state()["now_s"] > at.link.overrides()[0].start_s)
            data = bytes(range(256)) * 400
            trip_s(client, data)
            (report,) = at.link.report()
        assert report["ways"][0]["erased"] > 0
        assert trip_s(client) < 5.0


def test_connections_of_a_doomed_door_live_for_their_time():
    with doors("hold") as at:
        with at.connect("hold") as client:
            trip_s(client)
            assert at.ask("PATCH", "/v1/doors/hold", {"doom_s": 0.2})[1]["doom_s"] == 0.2
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with at.connect("hold") as client:
            trip_s(client)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert at.ask("PATCH", "/v1/doors/hold", {"doom_s": None})[1]["doom_s"] is None
        assert at.link.report()[0]["reset"] == 2


def can_connect(at: World, name: str) -> bool:
    try:
        socket.create_connection(at.plane.addresses[name]).close()
    except ConnectionRefusedError:
        return False
    return True
