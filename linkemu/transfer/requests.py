"""Requests for files, both ways: ours until they are answered and served, and the peer's until we answer.

A request is named by a number that its maker gives; with his epoch it is unique. It is repeated until
an offer names it or a refusal comes, and again after an outage or a restart of the peer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from linkemu.transfer.events import Event, FileRequested, RequestRefused
from linkemu.transfer.frames import Poll, Refusal, Request, encode_refusal, encode_request

_FIRST_REPEAT_S = 0.1
_SLOWEST_S = 5.0


@dataclass(slots=True)
class _Open:
    wanted: str | bytes
    priority: int
    due: float
    wait_s: float
    answered: bool = False
    file_id: bytes | None = None


class Requests:
    """Open requests of this end, and what became of the peer's."""

    def __init__(self, epoch: int, emit: Callable[[Event], None]) -> None:
        self._epoch = epoch
        self._emit = emit
        self._last_number = (epoch & 0xFFFF) << 16  # apart from those of earlier lives, which offers may name
        self._open: dict[int, _Open] = {}
        self._asked: dict[int, bytes | str | None] = {}  # file offered, reason refused, or not answered yet
        self._refusals_due: list[int] = []
        self._delay_s = 0.0

    # Ours

    def ask(self, wanted: str | bytes, priority: int, now: float) -> int:
        self._last_number += 1
        self._open[self._last_number] = _Open(wanted, priority, now, self._wait_s())
        return self._last_number

    def cancel(self, number: int) -> None:
        self._open.pop(number, None)

    def served(self, file_id: bytes) -> None:
        """The file is verified here: nothing more to ask."""
        for number in [number for number, ask in self._open.items() if ask.file_id == file_id]:
            del self._open[number]

    def resume(self, delay_s: float, now: float) -> None:
        """Ask again for what is still open: the peer may have forgotten it."""
        self._delay_s = delay_s
        for ask in self._open.values():
            ask.answered, ask.due, ask.wait_s = False, now, self._wait_s()

    def answered(self, poll: Poll) -> None:
        for entry in poll.entries:
            ask = self._open.get(entry.request)
            if ask is not None:
                ask.answered, ask.file_id = True, entry.file_id

    def refused(self, refusal: Refusal) -> None:
        if self._open.pop(refusal.request, None) is not None:
            self._emit(RequestRefused(refusal.request, refusal.reason))

    # The peer's

    def peer_started(self) -> None:
        self._asked.clear()
        self._refusals_due.clear()

    def asked(self, request: Request, is_open: Callable[[bytes], bool]) -> bytes | None:
        """Take a request of the peer; the file on offer that answers it already, if there is one."""
        answer = self._asked.get(request.request)
        if isinstance(answer, str):
            self._refusals_due.append(request.request)
        elif isinstance(answer, bytes) and is_open(answer):
            return answer
        elif answer is not None or request.request not in self._asked:
            self._asked[request.request] = None
            name, file_id = None, None
            if isinstance(request.wanted, str):
                name = request.wanted
            else:
                file_id = request.wanted
            self._emit(FileRequested(request.request, name, file_id, request.priority))
        return None

    def offered(self, number: int, file_id: bytes) -> None:
        if number in self._asked:
            self._asked[number] = file_id

    def refuse(self, number: int, reason: str) -> None:
        if number in self._asked:
            self._asked[number] = reason
            self._refusals_due.append(number)

    # What leaves

    def due(self) -> float | None:
        if self._refusals_due:
            return 0.0
        return min((ask.due for ask in self._open.values() if not ask.answered), default=None)

    def frames(self, now: float) -> list[bytes]:
        frames = []
        for number in self._refusals_due:
            reason = self._asked.get(number)
            if isinstance(reason, str):
                frames.append(encode_refusal(Refusal(self._epoch, number, reason)))
        self._refusals_due.clear()
        for number, ask in self._open.items():
            if not ask.answered and ask.due <= now:
                ask.due = now + ask.wait_s
                ask.wait_s = min(2 * ask.wait_s, max(_SLOWEST_S, ask.wait_s))
                frames.append(encode_request(Request(self._epoch, number, ask.priority, ask.wanted)))
        return frames

    def _wait_s(self) -> float:
        return 4 * self._delay_s + _FIRST_REPEAT_S
