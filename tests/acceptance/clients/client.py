"""What a client of the zoo is: its command line, its server's, and where the file is before and after.

The same command lines serve through the proxy and through exec; only the address differs. What a machine
lacks for a client is said, so that its tests can be skipped in so many words.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.acceptance.clients import broken_sky

MEGA = 1_000_000
TUS_JS_CLIENT = "4.3.1"  # as in .ci/test-deps

Words = tuple[object, ...]


@dataclass(frozen=True)
class Place:
    """A directory of one voyage's own, and the two addresses of its server."""

    room: Path
    far: tuple[str, int]  # where the server listens
    near: tuple[str, int]  # where the client finds it, beyond the link

    @property
    def file(self) -> Path:
        """What the client has, or what the server has if the client fetches."""
        return self.room / "file"

    @property
    def there(self) -> Path:
        """The server's directory."""
        return self.room / "far"

    @property
    def here(self) -> Path:
        """The client's own directory."""
        return self.room / "near"

    @property
    def url(self) -> str:
        return f"http://{self.near[0]}:{self.near[1]}/file"


def uploaded(place: Place) -> bytes:
    return (place.there / "file").read_bytes()


def downloaded(place: Place) -> bytes:
    return (place.here / "file").read_bytes()


def again(words: Words) -> Words:
    """Called until it succeeds, as in a script."""
    return ("sh", "-c", f"until {shlex.join(map(str, words))}; do sleep 0.2; done")


def nothing(_: Place) -> None:
    """Needs no preparation."""


@dataclass(frozen=True)
class Client:
    """One entry. ``size_bytes`` of file need more light than one stretch of the broken sky has."""

    name: str
    words: Callable[[Place], Words]
    server: Callable[[Place], Words]
    arrived: Callable[[Place], bytes] = uploaded
    prepare: Callable[[Place], None] = nothing
    direction: Literal["up", "down"] = "up"
    doors: tuple[Literal["tcp", "udp"], ...] = ("tcp",)
    by: Literal["serve", "forward"] = "forward"  # how exec reaches the server
    rate_bps: int = 16 * MEGA
    needs: tuple[str, ...] = ()  # programs on PATH, and their absence is told
    size_bytes: int = 0
    trips: int = 0  # round trips of light, one after the other
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        return self.size_bytes or broken_sky.transfer_bytes(self.rate_bps)

    def missing(self) -> str | None:
        """Why it can't run here."""
        for program in self.needs:
            if found(program) is None:
                return f"{program} is not installed (make test-deps)"
        return None


def found(program: str) -> str | None:
    """Its path. tus-js-client stands in the user's cache, sshd in a directory for administrators."""
    if program == "tus-js-client":
        return str(modules()) if (modules() / program).is_dir() else None
    if program == "sshd" and os.getuid() == 0 and not Path("/run/sshd").is_dir():
        return None  # root's sshd wants this empty directory, which Debian makes with its service
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def modules() -> Path:
    """Where ``make test-deps`` puts the modules of node."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "linkemu" / f"tus-js-client-{TUS_JS_CLIENT}" / "node_modules"
