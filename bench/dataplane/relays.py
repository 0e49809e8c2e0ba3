"""The contestants of proxy mode: ours, the peers that are found, and no relay at all.

Each is ``relay(to)``, a context in which a Relay leads to ``to``. Those with neither rate nor delay are
yardsticks of processor time and datagrams, not rivals in kind.
"""

from __future__ import annotations

import http.client
import json
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.dataplane.programs import Address, Relay, TrialError, await_listener, family, free_port, started
from linkemu.access.launch import DataPlane
from linkemu.access.settings import Door, Proxy
from linkemu.link.timeline import Sky, constant
from linkemu.machine import Direction

Contestant = Callable[[Address], AbstractContextManager[Relay]]

UNBOUND_BPS = 100_000_000_000  # a rate that nobody reaches here
SKY_S = 900.0
_DATAGRAM_QUEUE = 64 << 20
_BUFFER = 1 << 18
_NGINX_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")  # Debian builds it as a module
_PATIENCE_S = 5.0


@contextmanager
def direct(to: Address) -> Iterator[Relay]:
    yield Relay(to, list)


def sky(rate_bps: int, delay_s: float) -> Sky:
    """One link of one rate and one delay both ways."""
    return Sky.of(*(constant("ground", "orbit", way, rate_bps, delay_s, SKY_S) for way in Direction))


def ours(delay_s: float, rate_bps: int = UNBOUND_BPS, *, udp: bool = False) -> Contestant:
    """The data plane of ``linkemu proxy``, as a process of its own."""

    @contextmanager
    def opened(to: Address) -> Iterator[Relay]:
        door = Door(("127.0.0.1", 0), to, "udp" if udp else "tcp")
        proxy = Proxy(Path(), (door,), queue_bytes=_DATAGRAM_QUEUE if udp else None)
        plane = DataPlane.start(proxy, sky(rate_bps, delay_s))
        try:
            yield Relay(plane.address, lambda: [plane.pid])
        finally:
            plane.close()

    return opened


def socat(program: str, *options: str, udp: bool = False) -> Contestant:
    """One connection, or one client of datagrams, whose buffers are as long as the system grants."""

    @contextmanager
    def opened(to: Address) -> Iterator[Relay]:
        port = free_port(socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        if udp:
            room = f"rcvbuf={1 << 25},sndbuf={1 << 25}"
            ends = f"UDP-LISTEN:{port},bind=127.0.0.1,{room}", f"UDP:{to[0]}:{to[1]},{room}"
        else:
            ends = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,nodelay", f"TCP:{to[0]}:{to[1]},nodelay"
        with started([program, *options, *ends]) as process:
            if not udp:
                await_listener(process, port)
            yield Relay(("127.0.0.1", port), lambda: family(process.pid))

    return opened


def haproxy(program: str) -> Contestant:
    """In one piece, with long buffers."""
    text = f"""global
  tune.bufsize {_BUFFER}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen relay
  bind 127.0.0.1:{{port}}
  server far {{to}}
"""
    return _configured(text, lambda file: [program, "-db", "-f", str(file)])


def nginx(program: str) -> Contestant:
    """Its stream module, in one process, with long buffers."""
    module = f"load_module {_NGINX_STREAM};\n" if _NGINX_STREAM.exists() else ""
    text = f"""{module}daemon off;
master_process off;
pid {{room}}/pid;
error_log stderr crit;
events {{{{}}}}
stream {{{{
  proxy_buffer_size {_BUFFER};
  server {{{{ listen 127.0.0.1:{{port}}; proxy_pass {{to}}; }}}}
}}}}
"""
    return _configured(text, lambda file: [program, "-e", "stderr", "-c", str(file)])


def _configured(text: str, command: Callable[[Path], list[str]]) -> Contestant:
    """A program that reads a file, in whose text ``{port}``, ``{to}`` and ``{room}`` are filled in."""

    @contextmanager
    def opened(to: Address) -> Iterator[Relay]:
        with tempfile.TemporaryDirectory(prefix="linkemu-bench-") as name:
            port = free_port()
            file = Path(name) / "config"
            file.write_text(text.format(port=port, to=f"{to[0]}:{to[1]}", room=name))
            with started(command(file)) as process:
                await_listener(process, port)
                yield Relay(("127.0.0.1", port), lambda: family(process.pid))

    return opened


def toxiproxy(program: str, *, delay_s: float | None = None, rate_bps: int | None = None) -> Contestant:
    """With a latency toxic in both directions, or a bandwidth toxic from client to server."""
    toxics: list[dict[str, Any]] = []
    if delay_s is not None:
        latency = {"latency": round(delay_s * 1e3), "jitter": 0}
        toxics += [
            {"type": "latency", "stream": way, "attributes": latency} for way in ("upstream", "downstream")
        ]
    if rate_bps is not None:  # its unit is 1000 bytes a second
        bandwidth = {"rate": rate_bps // 8000}
        toxics.append({"type": "bandwidth", "stream": "upstream", "attributes": bandwidth})

    @contextmanager
    def opened(to: Address) -> Iterator[Relay]:
        port = free_port()
        with started([program, "-host", "127.0.0.1", "-port", str(port)]) as process:
            await_listener(process, port)
            proxy = {
                "name": "relay",
                "listen": "127.0.0.1:0",
                "upstream": f"{to[0]}:{to[1]}",
                "enabled": True,
            }
            host, _, listens = _post(port, "/proxies", proxy)["listen"].rpartition(":")
            for toxic in toxics:
                _post(port, "/proxies/relay/toxics", toxic)
            yield Relay((host, int(listens)), lambda: family(process.pid))

    return opened


def _post(port: int, path: str, content: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("POST", path, json.dumps(content))
        said: dict[str, Any] = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TrialError(f"toxiproxy: {path}: {error}") from None
    finally:
        connection.close()
    return said
