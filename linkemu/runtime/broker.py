"""The broker of a session: which one, how it is started, and the embedded one's own process.

Four choices behind one BrokerPlan: ``off``; ``embedded`` (iotcore, as ``python -m linkemu.runtime.broker``);
``mosquitto`` (found on PATH, with a configuration of ours); or an external ``mqtt://`` URL, not started here.
What we start listens on loopback alone, on a free port that is then kept over restarts. iotcore's defaults
are avoided: it would listen on all interfaces, refuse payloads above 20 KiB, and keep 1 GiB of log.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linkemu.errors import InputError, ResourceError
from linkemu.runtime.mqtt import BrokerUrl

if TYPE_CHECKING:
    from iotcore import IotCoreBroker

EMBEDDED = "embedded"
MOSQUITTO = "mosquitto"
OFF = "off"
LOOPBACK = "127.0.0.1"

_MAX_PAYLOAD_BYTES = 16 * 2**20
_SEGMENT_BYTES = 4 * 2**20  # rumqttd's log for each filter: 4 x 4 MiB instead of 10 x 100 MiB
_SEGMENTS = 4
_CONNECTIONS = 256

_RUMQTTD = """\
id = 0

[router]
id = 0
max_connections = {connections}
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = {segments}

[v4.1]
name = "linkemu"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 5000
max_payload_size = {payload_bytes}
max_inflight_count = 100
dynamic_filters = true
"""

_MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
max_packet_size {payload_bytes}
log_type error
log_type warning
log_dest stderr
"""


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """A broker for a session: its URL (None: no bus), and the command that starts it (None: not ours)."""

    url: str | None
    command: tuple[str, ...] | None = None
    address: tuple[str, int] | None = None  # where our own listens

    @property
    def listens(self) -> bool:
        """Whether something accepts connections there now."""
        if self.address is None:
            return True
        try:
            with socket.create_connection(self.address, timeout=0.2):
                return True
        except OSError:
            return False


def check(choice: str) -> None:
    """InputError if ``choice`` names no broker that can be had here."""
    if choice in (EMBEDDED, OFF):
        return
    if choice == MOSQUITTO:
        _find_mosquitto()
    elif "://" in choice:
        BrokerUrl.parse(choice)
    else:
        raise InputError(f"broker {choice!r}", 'expected "embedded", "mosquitto", "off" or an mqtt:// URL')


def plan(choice: str, directory: Path) -> BrokerPlan:
    """What to start for ``choice``; configuration files go to ``directory``. The port was free just now."""
    check(choice)
    if choice == OFF:
        return BrokerPlan(None)
    if choice not in (EMBEDDED, MOSQUITTO):
        return BrokerPlan(choice)
    port = free_port()
    command: tuple[str, ...]
    if choice == EMBEDDED:
        path, text = directory / "rumqttd.toml", embedded_configuration(port)
        command = (sys.executable, "-m", "linkemu.runtime.broker", "--config", str(path))
    else:
        path = directory / "mosquitto.conf"
        text = _MOSQUITTO_CONF.format(host=LOOPBACK, port=port, payload_bytes=_MAX_PAYLOAD_BYTES)
        command = (_find_mosquitto(), "-c", str(path))
    try:
        path.write_text(text)
    except OSError as error:
        raise ResourceError(str(path), error.strerror or str(error)) from error
    return BrokerPlan(f"mqtt://{LOOPBACK}:{port}", command, (LOOPBACK, port))


def embedded_configuration(port: int) -> str:
    """rumqttd's TOML for a broker on loopback."""
    return _RUMQTTD.format(
        host=LOOPBACK,
        port=port,
        connections=_CONNECTIONS,
        segment_bytes=_SEGMENT_BYTES,
        segments=_SEGMENTS,
        payload_bytes=_MAX_PAYLOAD_BYTES,
    )


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nothing holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _find_mosquitto() -> str:
    found = shutil.which("mosquitto", path=_search_path())
    if found is None:
        raise InputError("broker 'mosquitto'", "not found on PATH; install it, or use --broker embedded")
    return found


def _search_path() -> str:
    """PATH, and where distributions put daemons that ordinary users' PATH leaves out."""
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def main(arguments: list[str] | None = None) -> int:
    """Run the embedded broker in this process until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m linkemu.runtime.broker", description=main.__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", type=Path, help="rumqttd configuration (TOML)")
    where.add_argument(
        "--port", type=int, default=0, help="listen on this loopback port, with our own configuration"
    )
    options = parser.parse_args(arguments)
    return _serve(options.config, options.port)


def _serve(config: Path | None, port: int) -> int:
    from iotcore import IotCoreBroker  # 14 MB of Rust: only this process pays for it

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)  # the broker never returns to Python to see a handler's flag
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # its spans come as errors, one for every packet
    try:
        broker = IotCoreBroker(config_path=str(config)) if config else _on_port(IotCoreBroker, port)
        broker.check_ports()
        broker.run_forever()
    except (OSError, RuntimeError, ValueError) as error:
        print(f"broker: {error}", file=sys.stderr)
        return 1
    return 0


def _on_port(kind: type[IotCoreBroker], port: int) -> IotCoreBroker:
    """A broker with our own configuration, which it has read when this returns."""
    with tempfile.NamedTemporaryFile("w", prefix="linkemu-broker-", suffix=".toml") as file:
        file.write(embedded_configuration(port))
        file.flush()
        return kind(config_path=file.name)


if __name__ == "__main__":
    sys.exit(main())
