"""The control API's server as a thing that is opened and closed: its addresses, its file, its end."""

from __future__ import annotations

import json
import socket
import stat
import threading
from pathlib import Path

import pytest
from live import sockets

from linkemu.client import Link
from linkemu.control.server import Control
from linkemu.errors import InputError, ResourceError
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

ANY = ("127.0.0.1", 0)
SKY = Sky.of(*(constant("g", "s", way, 10**6, 0.002, 10.0) for way in Direction))


def port_of(control: Control) -> int:
    return int(control.url.rpartition(":")[2])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(InputError, match="not a loopback address"):
        Control((host, 0))
    with pytest.raises(InputError, match="not a loopback address"):
        Control(ANY, toxiproxy_address=(host, 0))


def test_addresses_are_told_as_they_are_had() -> None:
    with Control(("localhost", 0)) as control:
        assert control.url == f"http://127.0.0.1:{port_of(control)}"
        assert control.toxiproxy_url is None
    with Control(ANY, toxiproxy_address=ANY) as control:
        assert control.toxiproxy_url not in (None, control.url)
        assert len(control.token) >= 32


def test_what_was_bound_is_let_go_whatever_happens() -> None:
    with socket.create_server(ANY) as taken:
        before = sockets()
        with pytest.raises(ResourceError, match=r"--toxiproxy 127\.0\.0\.1"):
            Control(ANY, toxiproxy_address=taken.getsockname())
        assert sockets() <= before
        Control(ANY, toxiproxy_address=ANY).close()  # never started
        assert sockets() <= before


def test_the_file_of_address_and_token_is_for_the_user_alone_and_replaces_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    path.write_text("old, and longer than what comes now" * 20)
    path.chmod(0o644)
    with Control(ANY) as control:
        control.save(path)
        assert json.loads(path.read_text()) == {"url": control.url, "token": control.token}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(ResourceError, match="nowhere"):
            control.save(tmp_path / "nowhere" / "file")


def test_without_a_data_plane_it_answers_503_and_closing_ends_its_thread() -> None:
    control = Control(ANY)
    control.start_apart(SKY).close()  # the data plane's end: it has died at once
    threads = [each for each in threading.enumerate() if each.name == "control"]
    with Link(control.url, control.token) as link:
        with pytest.raises(ResourceError, match="data plane: has ended"):
            link.state()
        with pytest.raises(ResourceError, match="data plane: has ended"):
            link.report()
    control.close()
    assert threads and not any(each.is_alive() for each in threads)
    with pytest.raises(ResourceError, match="refused"):
        Link(control.url, control.token).state()
    control.close()
