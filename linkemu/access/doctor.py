"""What this machine can run, found by trying: grants of the kernel, buffers, timers, rates, and their fixes.

Every finding is measured here and now; nothing is guessed from versions. A trial leaves nothing behind. How
it is shown is the command's business.
"""

from __future__ import annotations

import os
import platform
import pwd
import resource
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from linkemu.access import doctor_trials as trials
from linkemu.errors import ResourceError

Verdict = Literal["good", "poor", "absent"]

_WANTED_BUFFER = 128 << 20  # runtime.udp asks for as much
_LEAST_FILES = 4096
_LATE_BOUND_S = 1e-3
_WANTED_BPS = 10e9
_PROXY_SHARE, _EXEC_SHARE = 0.5, 0.3  # of loopback's rate; docs/proxy.md and docs/exec.md, Measured
_GOOD_CLOCKS = {"tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"}
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. ``absent``: what needs it can't work; ``poor``: it works less well."""

    name: str
    verdict: Verdict
    found: str
    fix: str | None = None  # the exact change, where something is wrong


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to use linkemu, whether it works here, and the findings that keep it from working."""

    name: str
    works: bool
    why_not: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    modes: tuple[Mode, ...]
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Every mode works."""
        return all(mode.works for mode in self.modes)


_NEEDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("run", ("loopback UDP",)),
    ("run --clock virtual", ()),
    ("proxy", ("system", "loopback TCP", "splice")),
    ("exec", ("system", "networks")),
)


def examine() -> Diagnosis:
    """Try everything once; takes about two seconds."""
    findings = tuple(look() for look in _LOOKS)
    absent = {each.name for each in findings if each.verdict == "absent"}
    modes = []
    for name, needs in _NEEDS:
        missing = tuple(each.name for each in findings if each.name in needs and each.name in absent)
        modes.append(Mode(name, not missing, missing))
    return Diagnosis(tuple(modes), findings)


def _system() -> Finding:
    software = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    found = f"{software}, {os.cpu_count()} processors"
    if sys.platform == "linux":
        return Finding("system", "good", found)
    return Finding("system", "absent", found, "proxy and exec need Linux")


def _networks() -> Finding:
    """The house of ``exec``, built for trial."""
    from linkemu.access.exec_order import Order
    from linkemu.access.exec_run import attempt

    try:
        granted = attempt(Order(command=()))
    except ResourceError as error:
        return Finding("networks", "absent", error.resource, error.problem)
    except (OSError, AttributeError) as error:  # not Linux
        return Finding("networks", "absent", str(error), "exec needs Linux")
    how = "without root" if granted.rootless else "as root"
    return Finding("networks", "good", f"granted {how}, carried by {granted.carrier}")


def _tun() -> Finding:
    from linkemu.access import tun

    try:
        os.close(os.open(tun.PATH, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        found = f"{tun.PATH}: {error.strerror}; exec has packet sockets alone"
        return Finding("TUN device", "poor", found, tun.remedy())
    return Finding("TUN device", "good", f"{tun.PATH} can be opened")


def _packet_buffers() -> Finding:
    from linkemu.access import packet

    wanted = f"{packet.ENOUGH_BYTES >> 20} MiB"
    if packet.has_room():
        return Finding("packet buffers", "good", f"at least {wanted}: exec prefers packet sockets")
    found = f"less than {wanted}: exec prefers a TUN, which has no stamps; without one, bursts are dropped"
    fix = f"as root, sysctl -w net.core.rmem_max={packet.ENOUGH_BYTES // 2}"  # the kernel doubles it
    return Finding("packet buffers", "poor", found, fix)


def _udp_buffers() -> Finding:
    granted = trials.receive_buffer_bytes(_WANTED_BUFFER)
    found = f"{granted / 2**20:.0f} MiB of {_WANTED_BUFFER >> 20} MiB for each socket"
    if granted >= _WANTED_BUFFER:
        return Finding("UDP buffers", "good", found)
    half = _WANTED_BUFFER // 2
    fix = f"as root, sysctl -w net.core.rmem_max={half} net.core.wmem_max={half}"
    return Finding("UDP buffers", "poor", found, fix)


def _precedence() -> Finding:
    if trials.fifo_is_granted():
        return Finding("SCHED_FIFO", "good", "granted")
    user = pwd.getpwuid(os.geteuid()).pw_name
    fix = f"as root, echo '{user} - rtprio 10' > /etc/security/limits.d/linkemu.conf, then log in again"
    return Finding("SCHED_FIFO", "poor", "refused: a busy machine makes light late by milliseconds", fix)


def _clock() -> Finding:
    try:
        source = _CLOCK.read_text().strip()
    except OSError:
        return Finding("clock source", "good", "not told by this system")
    if source in _GOOD_CLOCKS:
        return Finding("clock source", "good", source)
    found = f"{source}: each look at the clock takes a system call"
    return Finding("clock source", "poor", found, "boot with clocksource=tsc if the processor has it")


def _timer() -> Finding:
    p50_s, p99_s = trials.timer_lateness_s()
    found = f"late by {p50_s * 1e6:.0f} us (p50), {p99_s * 1e6:.0f} us (p99)"
    if p99_s <= _LATE_BOUND_S:
        return Finding("timer", "good", found)
    return Finding("timer", "poor", found, "stop other work on this machine, or grant SCHED_FIFO")


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft} now, {hard} at most"
    if hard == resource.RLIM_INFINITY or hard >= _LEAST_FILES:
        return Finding("open files", "good", found)
    fix = f"as root, ulimit -Hn {_LEAST_FILES}, or nofile in /etc/security/limits.conf"
    return Finding("open files", "poor", found, fix)


def _splice() -> Finding:
    if hasattr(os, "splice"):
        return Finding("splice", "good", "available")
    return Finding("splice", "absent", "this Python has no os.splice", "use CPython 3.11 or newer on Linux")


def _mosquitto() -> Finding:
    path = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is not None:
        return Finding("mosquitto", "good", path)
    found = "not found; --broker embedded needs none"
    return Finding("mosquitto", "poor", found, "as root, apt-get install mosquitto (for --broker mosquitto)")


def _loopback_tcp() -> Finding:
    return _measured("loopback TCP", lambda: f"{trials.tcp_rate_bps() / 1e9:.1f} Gbit/s, one connection")


def _headroom() -> Finding:
    """What a saturated link may ask for, by what the doors have carried beside the same trial elsewhere."""
    try:
        direct_bps = trials.tcp_rate_bps()
    except OSError as error:
        return Finding("headroom", "poor", error.strerror or str(error), "bring the loopback up")
    proxy_bps, exec_bps = direct_bps * _PROXY_SHARE, direct_bps * _EXEC_SHARE
    found = f"about {proxy_bps / 1e9:.0f} Gbit/s through proxy, {exec_bps / 1e9:.0f} through exec, estimated"
    if min(proxy_bps, exec_bps) >= _WANTED_BPS:
        return Finding("headroom", "good", found)
    fix = "for 10 Gbit/s in real time: more processors, or nothing beside; run --rate plays any link"
    return Finding("headroom", "poor", found, fix)


def _loopback_udp() -> Finding:
    def said() -> str:
        pps = trials.udp_rate_pps()
        size = trials.DATAGRAM_BYTES
        return f"{pps / 1e3:.0f} thousand datagrams/s of {size} B ({pps * size * 8 / 1e9:.2f} Gbit/s)"

    return _measured("loopback UDP", said)


def _measured(name: str, said: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "good", said())
    except OSError as error:
        return Finding(
            name, "absent", error.strerror or str(error), "bring the loopback up: ip link set lo up"
        )


def _ipv6() -> Finding:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        found = f"{error.strerror}; IPv6 addresses can't be used"
        return Finding("IPv6", "poor", found, "as root, sysctl -w net.ipv6.conf.all.disable_ipv6=0")
    return Finding("IPv6", "good", "available")


_LOOKS: tuple[Callable[[], Finding], ...] = (
    _system,
    _networks,
    _tun,
    _packet_buffers,
    _ipv6,
    _splice,
    _udp_buffers,
    _files,
    _precedence,
    _clock,
    _timer,
    _mosquitto,
    _loopback_tcp,
    _loopback_udp,
    _headroom,
)
