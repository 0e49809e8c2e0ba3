"""The Endpoint: the Machine that a node runs on each of its links. It joins a Sender and a Receiver.

Here live the node's side (calls and events), the order in which frames leave (control before bulk) and
requests for files. What is sent and repaired is Sender's, what is held and reported is Receiver's.

Order of calls: after any call (``receive``, ``cue``, ``offer``, ``supply``, ``stored`` …) take
``events()``, then ``transmit(now)``, then sleep until ``next_wakeup()``. Calls may come in any order, and
an answer to an event that is out of date does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from linkemu.disk import Buffer
from linkemu.transfer.events import Event
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.pacing import LinkCue


@dataclass(frozen=True, slots=True)
class Settings:
    """How an Endpoint behaves. Times in scenario seconds."""

    lead_s: float = 0.020  # how far frames may run ahead of the light
    burst_s: float = 0.001  # room to wait for before the next frames are handed over
    ahead_s: float = 0.1  # of rate: chunks asked for before they are needed
    report_s: float = 0.005  # shortest time between two reports
    acknowledgement_bps: float | None = None  # budget for reports; None: no bound


@dataclass(slots=True)
class Counters:
    """What went over this Endpoint since it was made. ``*_bytes`` are of file content, without headers."""

    frames_sent: int = 0
    wire_bytes_sent: int = 0  # all frames, headers included
    first_sent_bytes: int = 0
    repaired_bytes: int = 0  # sent again, since lost
    chunks_acknowledged: int = 0
    acknowledged_resent: int = 0  # chunks sent after their acknowledgement: must stay 0
    frames_received: int = 0
    frames_refused: int = 0  # not readable, or of an epoch that is over
    duplicate_bytes: int = 0
    received_bytes: int = 0  # new to the holdings
    chunks_corrupt: int = 0  # assembled with a wrong hash, and repaired


class Endpoint:
    """One end of one link.

    ``holdings`` is shared by all Endpoints of a node. ``epoch`` tells this life of the Endpoint from earlier
    ones: an integer below 2**64 that is larger than any used before on this link (for example nanoseconds
    of scenario time at the start of the process, or a counter of starts kept on disk).
    """

    counters: Counters

    def __init__(self, holdings: Holdings, epoch: int, settings: Settings | None = None) -> None: ...

    # The Machine

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a frame. One that can't be read is counted and dropped: the light may have spoilt it."""

    def transmit(self, now: float) -> list[bytes]: ...

    def next_wakeup(self) -> float | None: ...

    def events(self) -> list[Event]:
        """All events since the last call, oldest first."""
        ...

    def cue(self, cue: LinkCue, now: float) -> None:
        """The link as the terminal sees it now: call on every change. While dark all timers stand still."""

    # Sending

    def offer(
        self,
        manifest: Manifest,
        priority: int,
        acknowledged: Iterable[bytes],
        now: float,
        request: int | None = None,
    ) -> None:
        """Offer a file. Larger ``priority`` (0 to 255) goes first, equal ones take turns by chunk.

        ``acknowledged``: chunk ids that the journal holds as acknowledged by this peer; never sent again.
        ``request``: the number of the FileRequested that this answers. Offering twice does no harm.
        """

    def withdraw(self, file_id: bytes, now: float) -> None:
        """Stop sending a file."""

    def supply(self, chunk_id: bytes, data: Buffer, now: float) -> None:
        """Answer ChunkWanted. IntegrityError if ``data`` is not the chunk (``withdraw`` the file then)."""

    # Receiving

    def stored(self, chunk_id: bytes, now: float) -> None:
        """The chunk of a ChunkReceived is durable from now on: state it to the peer."""

    def discard(self, chunk_id: bytes, now: float) -> None:
        """The chunk of a ChunkReceived could not be stored: forget it, the peer will send it again."""

    def verified(self, file_id: bytes, sha256: bytes, ok: bool, now: float) -> None:
        """Answer FileComplete: the SHA-256 of the file as read back, and whether it is the manifest's."""

    def decline(self, file_id: bytes, reason: str, now: float) -> None:
        """Answer FileOffered: this node doesn't want the file (name taken, no space)."""

    # Requests

    def request(self, wanted: str | bytes, priority: int, now: float) -> int:
        """Ask the peer for a file by name (str) or file id (bytes); gives the request's number.

        It stays open, and is repeated after outages and restarts of the peer, until the file is
        ``verified`` here, RequestRefused comes, or ``cancel``.
        """
        ...

    def cancel(self, request: int, now: float) -> None: ...

    def refuse(self, request: int, reason: str, now: float) -> None:
        """Answer FileRequested: there is no such file, or it can't be given."""
