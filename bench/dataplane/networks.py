"""The contestants of exec mode: ``linkemu exec``, and mahimahi's shells in a network made for the trial.

Both run our source inside, and our sink on the far side, at MTU 1500. mahimahi's programs are installed
setuid root, want an ordinary user and a network that forwards: as root, they get a network namespace of
their own, and nothing of the machine is changed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.dataplane import relays
from bench.dataplane.programs import HERE, Words, command_line, family, started
from linkemu.access.exec_order import GATEWAY_4

PORT = 5201
PAYLOAD_SHARE = 1448 / 1500  # of a packet with 20 bytes of IPv4, 20 of TCP and 12 of time stamps
_CONFIG = HERE.parents[1] / "configs" / "demo.toml"  # exec wants a scenario; the sky is ours
_HOUSE = "linkemu.access.exec_house"
_NOBODY = 65534
_FORWARDS = Path("/proc/sys/net/ipv4/ip_forward")
_MTU = 1500
_TOOLS = "/usr/bin:/usr/sbin:/bin:/sbin"


@dataclass(frozen=True, slots=True)
class World:
    """A network in which the source already runs: what the sink says, and whose time is counted."""

    words: Words
    pids: Callable[[], list[int]]


Contestant = Callable[[float, float], AbstractContextManager[World]]  # of warming up, and of the window, in s


def ours(delay_s: float, rate_bps: int = relays.UNBOUND_BPS) -> Contestant:
    """``linkemu exec`` by its command line; its carrier is the one it chooses itself."""

    @contextmanager
    def opened(warm_s: float, seconds: float) -> Iterator[World]:
        with tempfile.TemporaryDirectory(prefix="linkemu-bench-") as name:
            room = Path(name)
            relays.sky(rate_bps, delay_s).save(room / "sky")
            os.mkfifo(room / "words")
            words = os.open(room / "words", os.O_RDWR)  # never blocks, and never ends
            serve = f"exec {shlex.join(_sink(HERE, warm_s, seconds))} > {shlex.quote(str(room / 'words'))}"
            source = (
                _python(),
                str(HERE / "ends.py"),
                "source",
                str(GATEWAY_4),
                str(PORT),
                _lasts(warm_s, seconds),
            )
            command = [
                sys.executable,
                "-c",
                "from linkemu.cli.main import main; main()",
                "exec",
                str(_CONFIG),
            ]
            command += ["--sky", str(room / "sky"), "--serve", serve, "--", *source]
            try:
                with started(command) as process:
                    yield World(
                        Words(words, lambda: process.poll() is None),
                        lambda: [pid for pid in family(process.pid) if _HOUSE in command_line(pid)][:1],
                    )
            finally:
                os.close(words)

    return opened


def mahimahi(program: str, *arguments: str, links: tuple[int, int] | None = None) -> Contestant:
    """``mm-delay MS``, or ``mm-link`` with traces of these rates (bit/s, up and down)."""

    @contextmanager
    def opened(warm_s: float, seconds: float) -> Iterator[World]:
        with tempfile.TemporaryDirectory(prefix="linkemu-bench-") as name:
            room = Path(name)
            room.chmod(0o755)
            shutil.copy(HERE / "ends.py", room)  # where any user may read it
            traces = []
            for number, rate_bps in enumerate(links or ()):
                traces.append(str(room / f"trace{number}"))
                Path(traces[-1]).write_text(trace(rate_bps))
            source = f"exec {_python()} {room}/ends.py source $MAHIMAHI_BASE {PORT} {_lasts(warm_s, seconds)}"
            shell = [program, *arguments, *traces, "--" if links else "", "sh", "-c", source]
            inside = shlex.join(_sink(room, warm_s, seconds, host="0.0.0.0"))
            script = f"{inside} & exec {shlex.join([*_unprivileged(), *filter(None, shell)])} >&2"
            with started([*_namespace(), "sh", "-c", _prepared(script)], stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                yield World(
                    Words(process.stdout.fileno(), lambda: process.poll() is None),
                    lambda: [pid for pid in family(process.pid) if command_line(pid).startswith(program)],
                )

    return opened


def mahimahi_refusal(program: str) -> str | None:
    """Why mahimahi can't run here although it is there, None if it can."""
    if os.geteuid() != 0:
        if _FORWARDS.read_text().strip() != "1":
            return "needs net.ipv4.ip_forward=1, or root"
        return None
    status = Path(program).stat()
    if not status.st_mode & 0o4000 or status.st_uid != 0:
        return "is not installed setuid root"
    missing = [
        name for name in ("unshare", "setpriv", "ip", "iptables") if shutil.which(name, path=_TOOLS) is None
    ]
    return f"needs {', '.join(missing)}" if missing else None


def trace(rate_bps: int, period_ms: int = 1000) -> str:
    """mahimahi's form of a rate: a line with the millisecond for each packet of 1500 bytes."""
    packets = round(rate_bps * period_ms / 1000 / (8 * _MTU))
    return "".join(f"{1 + number * period_ms // packets}\n" for number in range(packets))


def _namespace() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else []


def _prepared(script: str) -> str:
    """In a namespace of our own, loopback and forwarding are ours to switch on."""
    return f"ip link set lo up && echo 1 > {_FORWARDS} && {{ {script}; }}" if os.geteuid() == 0 else script


def _unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]


def _python() -> str:
    """One that any user may run: the system's, if there is one."""
    return shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable


def _sink(room: Path, warm_s: float, seconds: float, host: str = "0.0.0.0") -> list[str]:
    words = ["sink", "--host", host, "--port", PORT, "--warm", warm_s, "--seconds", seconds]
    return [_python(), str(room / "ends.py"), *map(str, words)]


def _lasts(warm_s: float, seconds: float) -> str:
    """The sink ends it earlier."""
    return str(warm_s + seconds + 10)
