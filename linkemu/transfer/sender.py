"""The Sender: which piece of which chunk leaves next, and what of it has to leave again.

It follows the peer's statements of inventory: nothing that the peer has, and nothing that it ever
acknowledged, is sent. Strict priorities, turns by chunk among equals. It makes frames and polls when
asked; whether the link is lit and has room is Endpoint's to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from linkemu.disk import Buffer
from linkemu.errors import IntegrityError
from linkemu.transfer.book import Book
from linkemu.transfer.events import (
    ChunkAcknowledged,
    ChunkLost,
    ChunkWanted,
    Event,
    FileAcknowledged,
    FileRefused,
    FileVerified,
)
from linkemu.transfer.frames import (
    DATA_OVERHEAD_BYTES,
    ENTRY_BYTES,
    POLL_BYTES,
    Entry,
    Poll,
    encode_data,
    encode_poll,
)
from linkemu.transfer.lines import Lines
from linkemu.transfer.manifest import Manifest, chunk_id_of
from linkemu.transfer.offer import Offer
from linkemu.transfer.outgoing import REORDER, Outgoing
from linkemu.transfer.pacing import LinkCue
from linkemu.transfer.poll import Poller
from linkemu.transfer.report import MANIFEST_INDEX, Report, Section, State
from linkemu.transfer.settings import Counters, FileCounters, Settings

_LEAST_AHEAD = 2  # chunks


class Sender:
    """Files on offer to one peer. ``emit`` takes events for the node."""

    def __init__(
        self, epoch: int, settings: Settings, counters: Counters, emit: Callable[[Event], None]
    ) -> None:
        self._epoch = epoch
        self._counters = counters
        self._emit = emit
        self._ahead_s = settings.ahead_s
        self._ahead_bytes = 0.0
        self._poller = Poller(2 * settings.lead_s + 2 * settings.report_s)
        self._book = Book()
        self._lines = Lines()
        self._sequence = 0
        self._report_number = -1

    # Calls of the node

    def offer(
        self, manifest: Manifest, priority: int, acknowledged: Iterable[bytes], request: int, now: float
    ) -> FileCounters:
        for chunk_id in acknowledged:
            self._stop(self._book.acknowledge(chunk_id))
        offer = self._book.add(manifest, priority)
        offer.request = request or offer.request
        self._poller.hurry(now)
        return offer.counters

    def withdraw(self, file_id: bytes) -> None:
        offer = self._book.get(file_id)
        if offer is None:
            return
        self._end_manifest(offer)
        for orphan in self._book.remove(offer):
            self._stop(orphan)
        for outgoing in offer.moving.values():
            if outgoing.chunk_id in self._book.under_way and outgoing.data is None:
                outgoing.wanted = False  # the node was asked for the data in the name of this file
                self._queue(outgoing)
        self.look_ahead()

    def answer(self, file_id: bytes, request: int, now: float) -> None:
        """Name a request of the peer in the polls: the file that answers it is on offer already."""
        offer = self._book.get(file_id)
        if offer is not None:
            offer.request = request
            self._poller.hurry(now)

    def is_open(self, file_id: bytes) -> bool:
        return self._book.get(file_id) is not None

    def supply(self, chunk_id: bytes, data: Buffer, checked: bool) -> None:
        outgoing = self._book.under_way.get(chunk_id)
        if outgoing is None or outgoing.data is not None:
            return
        if len(data) != outgoing.length or not (checked or chunk_id_of(data) == chunk_id):
            raise IntegrityError(
                f"chunk {chunk_id.hex()[:16]}: the {len(data)} bytes given are not its content"
            )
        outgoing.data = memoryview(data)
        self._queue(outgoing)

    # What the link and the peer say

    def cue(self, cue: LinkCue) -> None:
        self._ahead_bytes = self._ahead_s * cue.transmit_rate_bps / 8
        self._poller.set_delay(cue.delay_s)
        self.look_ahead()

    def resume(self, delay_s: float, now: float) -> None:
        """After darkness: ask for the inventory before anything is sent."""
        for offer in self._book.offers():
            offer.forget_inventory()
            self._end_manifest(offer)
        for outgoing in self._book.under_way.values():
            outgoing.awaits = True
        self._lines.rethink()
        self._poller.resume(delay_s, now)

    def peer_restarted(self, delay_s: float, now: float) -> None:
        self._report_number = -1
        self.resume(delay_s, now)

    def report(self, report: Report, now: float) -> None:
        """Take a statement of inventory; an older one than the last is void."""
        if report.number <= self._report_number:
            return
        self._report_number = report.number
        to_this_life = report.polled_epoch == self._epoch
        current = self._poller.heard(report.token if to_this_life else 0, now)
        self._lines.credit_bytes = report.credit_bytes
        highest = report.highest if to_this_life else 0
        for section in report.sections:
            offer = self._book.get(section.file_id)
            if offer is not None:
                self._settle(offer, section, highest, current)
        self._lines.rethink()
        self.look_ahead()

    # What leaves

    def next_poll(self) -> float | None:
        return self._poller.due() if self._book.active or self._poller.expects_answer else None

    def polls(self, frame_bytes: int, now: float) -> list[bytes]:
        """Polls that name the files in turn to be sent. They claim sequence numbers, so that each frame
        sent before counts as overtaken when they arrive."""
        self._poller.missed(now)
        if self._poller.out_of_patience:
            self._go_on_blindly()
        self._sequence += REORDER
        each = max(1, (frame_bytes - POLL_BYTES) // ENTRY_BYTES)
        entries = [
            Entry(o.file_id, len(o.manifest.encoded), o.priority, o.request) for o in self._book.active
        ]
        groups = [tuple(entries[at : at + each]) for at in range(0, max(1, len(entries)), each)]
        return [
            encode_poll(Poll(self._epoch, self._sequence, self._poller.next(now), group)) for group in groups
        ]

    def has_data(self) -> bool:
        return self._lines.next() is not None

    def next_data(self, frame_bytes: int) -> bytes | None:
        """The data frame whose turn it is; None if there is nothing to send."""
        outgoing = self._lines.next()
        if outgoing is None or outgoing.data is None:
            return None
        start, end = outgoing.unsent.take(frame_bytes - DATA_OVERHEAD_BYTES)
        self._sequence += 1
        outgoing.flight.append((self._sequence, start, end))
        self._count(outgoing, start, end)
        payload = outgoing.data[start:end]
        frame = encode_data(
            self._epoch,
            outgoing.is_manifest,
            self._sequence,
            outgoing.chunk_id,
            outgoing.length,
            start,
            payload,
        )
        if not outgoing.unsent.size:
            self.look_ahead()
        return frame

    def ran_dry(self, now: float) -> None:
        """The last piece at hand has left: a poll behind it finds losses at the tail a time-out sooner."""
        self._poller.follow_up(now)

    def look_ahead(self) -> None:
        """Open chunks, and ask the node for them, so that the next seconds of rate are at hand."""
        while (following := self._book.next()) is not None:
            offer, index = following
            ahead_bytes = max(self._ahead_bytes, _LEAST_AHEAD * offer.manifest.chunk_bytes)
            if self._book.waiting_bytes(offer.priority) >= ahead_bytes:
                return
            outgoing = self._book.open(offer, index)
            if outgoing.unsent.size < outgoing.length:
                self._lines.begin(outgoing)
            self._queue(outgoing)

    # Inside: chunks

    def _queue(self, outgoing: Outgoing) -> None:
        """Put a chunk in line if there is anything to send of it; ask for its data if they are not here."""
        if outgoing.unsent.size and outgoing.data is not None:
            self._lines.put(outgoing)
        elif outgoing.unsent.size and not outgoing.wanted:
            self._ask(outgoing)
        elif not outgoing.unsent.size and not outgoing.flight and outgoing.data is not None:
            outgoing.data, outgoing.wanted = None, False

    def _ask(self, outgoing: Outgoing) -> None:
        outgoing.wanted = True
        offer = self._book.places(outgoing.chunk_id)[0]
        index = offer.index_of[outgoing.chunk_id]
        offset = offer.manifest.offset(index)
        self._emit(ChunkWanted(offer.file_id, index, outgoing.chunk_id, offset, outgoing.length))

    def _stop(self, outgoing: Outgoing | None) -> None:
        """Send no more of a chunk."""
        if outgoing is not None:
            self._lines.end(outgoing)

    def _count(self, outgoing: Outgoing, start: int, end: int) -> None:
        if outgoing.is_manifest:
            return
        self._lines.begin(outgoing)
        before = outgoing.once.size
        outgoing.once.add(start, end)
        first = outgoing.once.size - before
        repaired = end - start - first
        resent = outgoing.chunk_id in self._book.acknowledged
        for counters in (self._counters, outgoing.counters):
            counters.first_sent_bytes += first
            counters.repaired_bytes += repaired
            counters.acknowledged_resent += resent

    def _go_on_blindly(self) -> None:
        """No inventory comes: send what was never acknowledged rather than wait for ever."""
        for offer in self._book.active:
            if not offer.informed:
                self._send_manifest(offer)
                offer.informed = True
        for outgoing in self._book.under_way.values():
            outgoing.awaits = False
        self.look_ahead()

    # Inside: statements

    def _settle(self, offer: Offer, section: Section, highest: int, current: bool) -> None:
        if section.state is State.UNKNOWN:
            self._send_manifest(offer, section, highest)
            return
        if section.state in (State.DECLINED, State.CORRUPT):
            self._refused(offer, section)
            return
        self._end_manifest(offer)
        for chunk_id, durable in offer.differences(section):
            (self._acknowledge if durable else self._lose)(chunk_id)
        for chunk_id in offer.learn(section, current):
            if chunk_id in self._book.under_way:
                self._book.move(self._book.under_way[chunk_id])
        for outgoing in offer.settle(section, highest):
            outgoing.awaits = outgoing.awaits and not current
            if offer.is_whole(outgoing.chunk_id):
                self._book.rest(outgoing)
            self._queue(outgoing)
        if section.state is not State.HELD and not offer.acknowledged_told:
            offer.acknowledged_told = True
            self._emit(FileAcknowledged(offer.file_id))
        if section.state is State.VERIFIED:
            self.withdraw(offer.file_id)
            self._emit(FileVerified(offer.file_id, section.detail))

    def _send_manifest(self, offer: Offer, section: Section | None = None, highest: int = 0) -> None:
        outgoing = offer.manifest_under_way
        if outgoing is None:
            encoded = offer.manifest.encoded
            outgoing = Outgoing(offer.file_id, len(encoded), offer.priority, is_manifest=True)
            outgoing.data = memoryview(encoded)
            offer.manifest_under_way = outgoing
            self._lines.begin(outgoing)
        if section is not None:
            pieces = [piece for piece in section.pieces if piece.index == MANIFEST_INDEX]
            outgoing.settle(pieces[0] if pieces else None, highest)
        if outgoing.unsent.size:
            self._lines.put(outgoing)

    def _end_manifest(self, offer: Offer) -> None:
        if offer.manifest_under_way is not None:
            self._lines.end(offer.manifest_under_way)
            offer.manifest_under_way = None

    def _refused(self, offer: Offer, section: Section) -> None:
        self.withdraw(offer.file_id)
        if section.state is State.DECLINED:
            reason = section.detail.decode(errors="replace")
        else:
            reason = f"read back with SHA-256 {section.detail.hex()}, not {offer.manifest.sha256.hex()}"
        self._emit(FileRefused(offer.file_id, reason))

    def _acknowledge(self, chunk_id: bytes) -> None:
        if chunk_id in self._book.acknowledged:
            return
        self._stop(self._book.acknowledge(chunk_id))
        self._counters.chunks_acknowledged += 1
        self._emit(ChunkAcknowledged(chunk_id, self._file_ids(chunk_id)))

    def _lose(self, chunk_id: bytes) -> None:
        if chunk_id not in self._book.acknowledged:
            return
        self._book.lose(chunk_id)
        self._emit(ChunkLost(chunk_id, self._file_ids(chunk_id)))

    def _file_ids(self, chunk_id: bytes) -> tuple[bytes, ...]:
        return tuple(offer.file_id for offer in self._book.places(chunk_id))
