"""The Endpoint: the Machine that a node runs on each of its links. It joins a Sender and a Receiver.

Here live the node's side (calls and events), the order in which frames leave (control before bulk) and
requests for files. What is sent and repaired is Sender's, what is held and reported is Receiver's.

Order of calls: after any call (``receive``, ``cue``, ``offer``, ``supply``, ``stored`` …) take
``events()``, then ``transmit(now)``, then sleep until ``next_wakeup()``. Calls may come in any order, and
an answer to an event that is out of date does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from linkemu.disk import Buffer
from linkemu.errors import FrameError
from linkemu.transfer import frames, report
from linkemu.transfer.events import Event
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.pacing import DARK, LinkCue, Serialiser
from linkemu.transfer.receiver import Receiver
from linkemu.transfer.requests import Requests
from linkemu.transfer.sender import Sender
from linkemu.transfer.settings import Counters, FileCounters, Settings

__all__ = ["Counters", "Endpoint", "FileCounters", "Settings"]


class Endpoint:
    """One end of one link.

    ``holdings`` is shared by all Endpoints of a node. ``epoch`` tells this life of the Endpoint from earlier
    ones: an integer below 2**64 that is larger than any used before on this link (for example nanoseconds
    of scenario time at the start of the process, or a counter of starts kept on disk).
    """

    def __init__(self, holdings: Holdings, epoch: int, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self.counters = Counters()
        self._holdings = holdings
        self._events: list[Event] = []
        self._cue = DARK
        self._now = 0.0
        self._peer_epoch = -1
        self._serialiser = Serialiser(settings.lead_s, settings.burst_s)
        self._sender = Sender(epoch, settings, self.counters, self._events.append)
        self._receiver = Receiver(holdings, epoch, settings, self.counters, self._events.append)
        self._requests = Requests(epoch, self._events.append)

    # The Machine

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a frame. One that can't be read is counted and dropped: the light may have spoilt it."""
        self._now = now
        try:
            frame = _decode(datagram)
        except FrameError:
            self.counters.frames_refused += 1
            return
        if frame.epoch < self._peer_epoch:
            self.counters.frames_refused += 1
            return
        if frame.epoch > self._peer_epoch:
            self._peer_started(frame.epoch, now)
        self.counters.frames_received += 1
        match frame:
            case frames.Data():
                self._receiver.data(frame, now)
            case report.Report():
                self._sender.report(frame, now)
            case frames.Poll():
                self._requests.answered(frame)
                self._receiver.poll(frame, now)
            case frames.Request():
                self._asked(frame, now)
            case frames.Refusal():
                self._requests.refused(frame)

    def transmit(self, now: float) -> list[bytes]:
        """Frames that are due and have room ahead of the light: reports, requests and polls before data."""
        self._now = now
        if not self._cue.light:
            return []
        largest = self._cue.frame_bytes
        leaving = self._receiver.reports(largest, now)
        leaving += self._requests.frames(now)
        leaving += self._polls(now)
        for frame in leaving:
            self._serialiser.add(len(frame))
        leaving += self._data(now)
        self.counters.frames_sent += len(leaving)
        self.counters.wire_bytes_sent += sum(map(len, leaving))
        return leaving

    def next_wakeup(self) -> float | None:
        """When to call ``transmit`` next; None while dark, or when nothing is under way."""
        if not self._cue.light:
            return None
        times = [self._receiver.due(), self._requests.due(), self._sender.next_poll()]
        if self._sender.has_data():
            times.append(self._serialiser.next_room(self._now))
        return min((time for time in times if time is not None), default=None)

    def events(self) -> list[Event]:
        """All events since the last call, oldest first."""
        self._receiver.tell_whole()
        events = self._events.copy()
        self._events.clear()
        return events

    def cue(self, cue: LinkCue, now: float) -> None:
        """The link as the terminal sees it now: call on every change. While dark all timers stand still."""
        self._now = now
        returned = cue.light and not self._cue.light
        self._cue = cue
        self._serialiser.set_rate(cue.transmit_rate_bps, now)
        self._receiver.set_delay(cue.delay_s)
        if returned:
            self._receiver.resume()
            self._sender.resume(cue.delay_s, now)
            self._requests.resume(cue.delay_s, now)
        self._sender.cue(cue)

    # Sending

    def offer(
        self,
        manifest: Manifest,
        priority: int,
        acknowledged: Iterable[bytes],
        now: float,
        request: int | None = None,
    ) -> FileCounters:
        """Offer a file; gives its counters, which go on counting. Priority 0 goes first, 255 last, equal
        ones take turns by chunk.

        ``acknowledged``: chunk ids that the journal holds as acknowledged by this peer; never sent again.
        ``request``: the number of the FileRequested that this answers. Offering twice does no harm.
        """
        if request is not None:
            self._requests.offered(request, manifest.file_id)
        return self._sender.offer(manifest, priority, acknowledged, request or 0, now)

    def withdraw(self, file_id: bytes, now: float) -> None:
        """Stop sending a file."""
        self._now = now
        self._sender.withdraw(file_id)

    def supply(self, chunk_id: bytes, data: Buffer, now: float, checked: bool = False) -> None:
        """Answer ChunkWanted. IntegrityError if ``data`` is not the chunk (``withdraw`` the file then).

        ``data`` is not copied: leave it as it is. ``checked``: its BLAKE3 was found right just now.
        """
        self._now = now
        self._sender.supply(chunk_id, data, checked)

    # Receiving

    def stored(self, chunk_id: bytes, now: float) -> None:
        """The chunk of a ChunkReceived is durable from now on: state it to the peer."""
        self._receiver.stored(chunk_id, now)

    def discard(self, chunk_id: bytes, now: float) -> None:
        """The chunk of a ChunkReceived could not be stored: forget it, the peer will send it again."""
        self._receiver.discard(chunk_id, now)

    def verified(self, file_id: bytes, sha256: bytes, ok: bool, now: float) -> None:
        """Answer FileComplete: the SHA-256 of the file as read back, and whether it is the manifest's."""
        self._requests.served(file_id)
        self._receiver.verified(file_id, sha256, ok, now)

    def decline(self, file_id: bytes, reason: str, now: float) -> None:
        """Answer FileOffered: this node doesn't want the file (name taken, no space).

        It stands until the light next returns, or until a request of ours asks for the file.
        """
        self._requests.served(file_id)
        self._receiver.decline(file_id, reason, now)

    # Requests

    def request(self, wanted: str | bytes, priority: int, now: float) -> int:
        """Ask the peer for a file by name (str) or file id (bytes); gives the request's number.

        It stays open, and is repeated after outages and restarts of the peer, until the file is
        ``verified`` here, RequestRefused comes, or ``cancel``.
        """
        return self._requests.ask(wanted, priority, now)

    def cancel(self, request: int, now: float) -> None:
        self._now = now
        self._requests.cancel(request)

    def refuse(self, request: int, reason: str, now: float) -> None:
        """Answer FileRequested: there is no such file, or it can't be given."""
        self._now = now
        self._requests.refuse(request, reason)

    # Inside

    def _peer_started(self, epoch: int, now: float) -> None:
        """The first frame of a life of the peer: what it was told and what it held may be gone."""
        restarted = self._peer_epoch >= 0
        self._peer_epoch = epoch
        self._receiver.peer_started(epoch)
        self._requests.peer_started()
        if restarted:
            self._sender.peer_restarted(self._cue.delay_s, now)
            self._requests.resume(self._cue.delay_s, now)

    def _polls(self, now: float) -> list[bytes]:
        due = self._sender.next_poll()
        return [] if due is None or due > now else self._sender.polls(self._cue.frame_bytes, now)

    def _data(self, now: float) -> list[bytes]:
        """Data for the room that there is."""
        leaving: list[bytes] = []
        sender, serialiser, frame_bytes = self._sender, self._serialiser, self._cue.frame_bytes
        while serialiser.has_room(now) and (frame := sender.next_data(frame_bytes)) is not None:
            serialiser.add(len(frame))
            leaving.append(frame)
        if leaving and not self._sender.has_data():
            self._sender.ran_dry(now)
        return leaving

    def _asked(self, request: frames.Request, now: float) -> None:
        file_id = self._requests.asked(request, self._sender.is_open)
        if file_id is not None:
            self._sender.answer(file_id, request.request, now)


_Frame = frames.Data | frames.Poll | frames.Request | frames.Refusal | report.Report


def _decode(datagram: bytes) -> _Frame:
    frame = frames.decode(datagram)
    return report.decode(frame.epoch, frame.content) if isinstance(frame, frames.Body) else frame
