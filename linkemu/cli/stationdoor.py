"""A client of a station's HTTP door (docs/nodes.md), as curl would be: plain PUT and GET, nothing private.

Blocking, for the commands put, get, ls, status and demo. What the door refuses becomes an error of linkemu in
the door's own words.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import quote

from linkemu.contract import Address
from linkemu.errors import FormatError, InputError, IntegrityError, LinkemuError, ResourceError

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 60.0
RETRY_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.5)  # a station that was killed is back within seconds
CATALOGUE = ".catalogue"

Progress = Callable[[int], None]  # told the size of each block


def untold(size: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Custody:
    """What a door says of a file in its custody; ``told`` is all of it, as it came."""

    id: str
    action: str
    satellite: str
    name: str
    state: str
    problem: str | None
    size_bytes: int | None
    done_bytes: int
    sha256: str | None
    told: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        return self.state in ("verified", "failed")

    @property
    def next_window_s(self) -> float | None:
        """Scenario second of the next window (or of the one that is open), if the plan has one."""
        window = self.told.get("next_window")
        return None if window is None else float(window["start"]["scenario_s"])

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Custody:
        return cls(
            id=told["id"],
            action=told["action"],
            satellite=told["satellite"],
            name=told["name"],
            state=told["state"],
            problem=told["problem"],
            size_bytes=told["size_bytes"],
            done_bytes=told["done_bytes"],
            sha256=told["sha256"],
            told=told,
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """What a station says of its link to a satellite at ``at_s``."""

    satellite: str
    at_s: float
    light: bool
    rate_bps: int
    window_s: float | None  # start of the next window, or of the one that is open


class StationDoor:
    """The door of one station. Each call makes its own connection."""

    def __init__(self, station: str, address: Address) -> None:
        self.station = station
        self._host, self._port = address

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def put(
        self, satellite: str, name: str, file: Path, priority: int = 0, progress: Progress = untold
    ) -> Custody:
        """Hand over a file; returns once it is durable in the spool.

        Raises:
            InputError: the file can't be read, changed meanwhile, or the name is taken by another content.
            ResourceError: nobody answers, or the station has no room.
        """
        path = f"/files/{quote(satellite, safe='')}/{quote(name)}?priority={priority}"
        with _reading(file) as content:
            digest = base64.b64encode(hashlib.file_digest(content, "sha256").digest()).decode()
            size = content.seek(0, 2)
            content.seek(0)
            headers = {"Content-Length": str(size), "Content-Digest": f"sha-256=:{digest}:"}
            with self._ask("PUT", path, headers, _blocks(content, size, progress)) as answer:
                return self._custody(answer)

    def order(self, satellite: str, name: str, *, anew: bool = False, priority: int = 0) -> Custody | None:
        """Ask for a file in orbit; None if it has landed already. An order that failed is renewed."""
        failed = ("get", satellite, name, "failed")
        anew = anew or failed in {
            (each.action, each.satellite, each.name, each.state) for each in self.custodies()
        }
        path = f"/files/{quote(satellite, safe='')}/{quote(name)}?priority={priority}"
        headers = {"Cache-Control": "no-cache"} if anew else {}
        with self._ask("GET", path, headers) as answer:
            return self._custody(answer) if answer.status == 202 else None

    def fetch(self, satellite: str, name: str, target: Path, progress: Progress = untold) -> str:
        """Copy a file that has landed into ``target``, whole or not at all; its SHA-256, checked."""
        path = f"/files/{quote(satellite, safe='')}/{quote(name)}"
        draft = target.with_name(target.name + ".part")
        with self._ask("GET", path) as answer:
            if answer.status != 200:
                raise ResourceError(f"{self.station}: {name}", "has not landed yet")
            stated = (answer.getheader("ETag") or "").strip('"')
            try:
                digest = _copy(answer, draft, progress)
                if stated and digest != stated:
                    raise IntegrityError(f"{name}: SHA-256 is {digest}, the station said {stated}")
                draft.replace(target)
            except OSError as error:
                raise ResourceError(str(target), error.strerror or str(error)) from None
            finally:
                draft.unlink(missing_ok=True)
        return digest

    def listing(self, satellite: str, wait_s: float) -> list[dict[str, Any]] | None:
        """What the satellite says it holds, asked by light now; None if it hasn't come after ``wait_s``."""
        path = f"/files/{quote(satellite, safe='')}/{CATALOGUE}?wait={wait_s:g}"
        with self._ask("GET", path) as answer:
            if answer.status != 200:
                return None
            files: list[dict[str, Any]] = self._document(answer)["files"]
            return files

    def custody(self, custody_id: str) -> Custody:
        """One file in custody."""
        with self._ask("GET", f"/custody/{quote(custody_id)}") as answer:
            return self._custody(answer)

    def custodies(self) -> list[Custody]:
        """All files in custody, oldest first."""
        with self._ask("GET", "/custody") as answer:
            return [self._entry(each) for each in self._document(answer)["custody"]]

    def sights(self) -> list[Sight]:
        """What the station sees of each satellite."""
        with self._ask("GET", "/") as answer:
            told = self._document(answer)
        return [
            Sight(
                link["satellite"],
                told["at"]["scenario_s"],
                link["light"],
                link["rate_bps"],
                None if link["next_window"] is None else link["next_window"]["start"]["scenario_s"],
            )
            for link in told["links"]
        ]

    @contextmanager
    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Iterator[bytes] | None = None,
    ) -> Iterator[HTTPResponse]:
        """One request; LinkemuError by whom it blames if the answer is no."""
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_S, blocksize=BLOCK_BYTES)
        try:
            _connect(connection)
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent: it says why
                connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            if answer.status >= 400:
                raise self._refusal(answer)
            yield answer
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ResourceError(f"station {self.station} at {self.url}", reason.lower()) from None
        finally:
            connection.close()

    def _refusal(self, answer: HTTPResponse) -> LinkemuError:
        try:
            problem = str(json.loads(answer.read())["error"])
        except (ValueError, KeyError, TypeError):
            problem = f"{answer.status} {answer.reason}"
        blame = ResourceError if answer.status >= 500 else InputError
        return blame(f"station {self.station}", problem)

    def _custody(self, answer: HTTPResponse) -> Custody:
        return self._entry(self._document(answer))

    def _entry(self, told: Mapping[str, Any]) -> Custody:
        try:
            return Custody.of(told)
        except KeyError as error:
            raise FormatError(f"station {self.station} at {self.url}: custody without {error}") from None

    def _document(self, answer: HTTPResponse) -> dict[str, Any]:
        try:
            told = json.loads(answer.read())
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise FormatError(f"station {self.station} at {self.url}: its answer is no JSON object")
        return told


def _connect(connection: HTTPConnection) -> None:
    """Connect; a door that is just being opened (again) gets a moment."""
    for pause_s in RETRY_PAUSES_S:
        with suppress(ConnectionRefusedError):
            return connection.connect()
        time.sleep(pause_s)
    connection.connect()


@contextmanager
def _reading(file: Path) -> Iterator[BufferedReader]:
    try:
        content = file.open("rb")
    except OSError as error:
        raise InputError(str(file), error.strerror or str(error)) from None
    with content:
        yield content


def _blocks(content: BufferedReader, size: int, progress: Progress) -> Iterator[bytes]:
    """The file in blocks, never more of it than was promised."""
    left = size
    while left and (block := content.read(min(left, BLOCK_BYTES))):
        yield block
        left -= len(block)
        progress(len(block))


def _copy(answer: HTTPResponse, draft: Path, progress: Progress) -> str:
    digest = hashlib.sha256()
    with draft.open("wb") as file:
        while block := answer.read(BLOCK_BYTES):
            digest.update(block)
            file.write(block)
            progress(len(block))
    return digest.hexdigest()
