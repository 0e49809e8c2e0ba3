"""Which peers are on this machine: on PATH, or where the user says.

Nothing is installed or built here; who is absent is named with what to do about it, and the rest runs.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.dataplane import networks
from linkemu.access.exec_order import Order
from linkemu.access.exec_run import attempt
from linkemu.errors import ResourceError

_PATIENCE_S = 5.0
_VERSIONS = {"socat": "-V", "haproxy": "-v", "nginx": "-v", "toxiproxy": "-version"}
_SERVERS = "/usr/sbin:/usr/local/sbin"  # often not on an ordinary user's PATH


@dataclass(frozen=True, slots=True)
class Peers:
    """Paths of those that can run. ``versions`` in their own words, ``absent`` by name with the reason."""

    socat: str | None
    haproxy: str | None
    nginx: str | None
    toxiproxy: str | None
    mm_delay: str | None
    mm_link: str | None
    exec_refusal: str | None
    versions: dict[str, str]
    absent: dict[str, str]


def find(toxiproxy: str | None, mahimahi: str | None) -> Peers:
    """``toxiproxy`` is its server's path, ``mahimahi`` the folder of its programs; None: on PATH."""
    paths = {name: _found(name) for name in ("socat", "haproxy", "nginx")}
    paths["toxiproxy"] = _found(toxiproxy or "toxiproxy-server")
    absent = {name: "not found" for name, path in paths.items() if path is None}
    shells: dict[str, str | None] = {}
    for name in ("mm-delay", "mm-link"):
        path = _found(str(Path(mahimahi) / name) if mahimahi else name)
        why = "not found" if path is None else networks.mahimahi_refusal(path)
        if why is not None:
            absent[name] = why
        shells[name] = path if why is None else None
    refusal = _exec_refusal()
    if refusal is not None:
        absent["exec"] = refusal
    versions = {name: _version(path, _VERSIONS[name]) for name, path in paths.items() if path}
    return Peers(
        **paths,
        mm_delay=shells["mm-delay"],
        mm_link=shells["mm-link"],
        exec_refusal=refusal,
        versions=versions,
        absent=absent,
    )


def _found(name: str) -> str | None:
    found = shutil.which(name) or shutil.which(name, path=_SERVERS)
    return None if found is None else str(Path(found).absolute())


def _exec_refusal() -> str | None:
    try:
        attempt(Order(command=()))
    except ResourceError as error:
        return str(error)
    return None


def _version(path: str, option: str) -> str:
    """The line in which a program names its version; empty if it has none."""
    done = subprocess.run([path, option], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    return next((line for line in lines if "version" in line.lower()), "")
