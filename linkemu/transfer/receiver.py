"""The Receiver: takes pieces of chunks into the Holdings, and states to the peer what this node holds.

A report is a statement, never a reply to one frame: any of them may be lost. They are made on a gap in the
sequence, on a chunk made durable and on a poll, at most every max(report_s, RTT / 4), within a budget.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from linkemu.transfer import inventory, report
from linkemu.transfer.events import ChunkReceived, ChunkRepeated, Event, FileComplete, FileOffered
from linkemu.transfer.frames import Data, Entry, Poll, clip
from linkemu.transfer.holdings import Holdings, Taken
from linkemu.transfer.outgoing import REORDER
from linkemu.transfer.progress import Progress
from linkemu.transfer.report import REPORT_BYTES, Report, Section, State
from linkemu.transfer.settings import Counters, Settings
from linkemu.transfer.subject import Subject

_SLOW = 4  # intervals between reports while all goes well


class Receiver:
    """The receiving side of one link. ``emit`` takes events for the node."""

    def __init__(
        self,
        holdings: Holdings,
        epoch: int,
        settings: Settings,
        counters: Counters,
        emit: Callable[[Event], None],
    ) -> None:
        self._holdings = holdings
        self._epoch = epoch
        self._settings = settings
        self._counters = counters
        self._emit = emit
        self._interval_s = settings.report_s
        self._subjects: dict[bytes, Subject] = {}  # of which there is something to state
        self._repeated: set[bytes] = set()  # ChunkRepeated was given
        # FileOffered was given: for which requests. A file that was forgotten and comes again is another one.
        self._told = WeakKeyDictionary[Progress, set[int]]()
        self._peer_epoch = 0
        self._highest = 0
        self._gap_known_at: int | None = None  # the sequence number at which a gap counts as a loss
        self._token = 0
        self._number = 0
        self._last_report = -1.0
        self._due: float | None = None
        self._budget_free_at = 0.0

    # What comes

    def peer_started(self, epoch: int) -> None:
        """Frames of a new life of the peer follow: its numbers start again."""
        self._peer_epoch = epoch
        self._highest = self._token = 0
        self._gap_known_at = None

    def data(self, frame: Data, now: float) -> None:
        _, is_manifest, sequence, chunk_id, length, offset, crc, payload = frame
        self._see(sequence, now)
        for progress in self._holdings.files_of(chunk_id):
            progress.received_bytes += len(payload)
        taken = self._holdings.take(chunk_id, length, offset, payload, crc, is_manifest)
        if taken is Taken.NEW:
            self._counters.received_bytes += len(payload)
            if self._due is None:
                self._report_by(self._last_report + _SLOW * self._interval_s, now)
        elif taken is Taken.WHOLE:
            self._counters.received_bytes += len(payload)
            self._made_whole(frame, now)
        else:
            self._spurned(frame, taken, now)

    def poll(self, poll: Poll, now: float) -> None:
        self._highest = max(self._highest, poll.sequence)
        self._gap_known_at = None
        self._token = max(self._token, poll.token)
        for entry in poll.entries:
            subject = self._named(entry)
            subject.polled = True
            self._announce(entry.file_id, subject)
        self._due = now

    def resume(self) -> None:
        """The light is back: what was declined may be welcome now, and is told anew if it is offered anew."""
        for file_id, subject in self._subjects.items():
            if subject.declined is not None:
                subject.declined = None
                progress = self._holdings.progress(file_id)
                if progress is not None:
                    self._told.get(progress, set()).discard(subject.request)

    def set_delay(self, delay_s: float) -> None:
        self._interval_s = max(self._settings.report_s, 2 * delay_s / 4)

    # Calls of the node

    def stored(self, chunk_id: bytes, now: float) -> None:
        for file_id in self._holdings.stored(chunk_id):
            self._emit(FileComplete(file_id))
        self._soon(now)

    def discard(self, chunk_id: bytes, now: float) -> None:
        self._holdings.discard(chunk_id)
        self._soon(now)

    def verified(self, file_id: bytes, sha256: bytes, ok: bool, now: float) -> None:
        self._holdings.verified(file_id, sha256, ok)
        self._soon(now)

    def decline(self, file_id: bytes, reason: str, now: float) -> None:
        subject = self._subjects.setdefault(file_id, Subject())
        subject.declined = clip(reason)
        subject.repeat()
        self._soon(now)

    def tell_whole(self) -> None:
        """Hand chunks that are whole to the node, whichever link or file brought them."""
        while (assembly := self._holdings.take_whole()) is not None:
            self._emit(ChunkReceived(assembly.chunk_id, assembly.data))

    # What leaves

    def due(self) -> float | None:
        """When a report is to leave, None if there is nothing to state."""
        return None if self._due is None else max(self._due, self._budget_free_at)

    def reports(self, frame_bytes: int, now: float) -> list[bytes]:
        """The statement in as many frames as a poll needs, or in one if none asked."""
        due = self.due()
        if due is None or now < due:
            return []
        self._due = None
        self._last_report = now
        frames = [self._frame(sections) for sections in self._statements(frame_bytes - REPORT_BYTES)]
        sent_bytes = sum(map(len, frames))
        self._counters.report_bytes_sent += sent_bytes
        if self._settings.acknowledgement_bps is not None:
            self._budget_free_at = now + 8 * sent_bytes / self._settings.acknowledgement_bps
        return frames

    # Inside

    def _see(self, sequence: int, now: float) -> None:
        if sequence <= self._highest:
            return
        if sequence > self._highest + 1:
            self._gap_known_at = sequence + REORDER
        self._highest = sequence
        if self._gap_known_at is not None and sequence >= self._gap_known_at:
            self._gap_known_at = None
            self._soon(now)

    def _soon(self, now: float) -> None:
        self._report_by(self._last_report + self._interval_s, now)

    def _report_by(self, time: float, now: float) -> None:
        due = max(now, time)
        self._due = due if self._due is None else min(self._due, due)

    def _made_whole(self, frame: Data, now: float) -> None:
        if frame.is_manifest:
            subject = self._subjects.setdefault(frame.chunk_id, Subject())
            subject.repeat()
            self._announce(frame.chunk_id, subject)
            self._due = now
        else:
            self.tell_whole()

    def _spurned(self, frame: Data, taken: Taken, now: float) -> None:
        """Nothing of the frame was taken: the peer should hear soon what is held."""
        if taken is Taken.DUPLICATE:
            self._came_again(frame)
        elif taken is Taken.CORRUPT:
            self._counters.chunks_corrupt += 1
        for progress in self._holdings.files_of(frame.chunk_id):
            subject = self._subjects.get(progress.manifest.file_id)
            if subject is not None:
                subject.came_again(progress.places(frame.chunk_id))
        self._soon(now)

    def _came_again(self, frame: Data) -> None:
        """Nothing of the frame was new. Of a durable chunk that is told, once."""
        self._counters.duplicate_bytes += len(frame.payload)
        chunk_id = frame.chunk_id
        if chunk_id not in self._repeated and self._holdings.has(chunk_id):
            self._repeated.add(chunk_id)
            for progress in self._holdings.files_of(chunk_id):
                progress.repeated_chunks += 1
            self._emit(ChunkRepeated(chunk_id))

    def _named(self, entry: Entry) -> Subject:
        subject = self._subjects.setdefault(entry.file_id, Subject())
        subject.priority = entry.priority
        if entry.request and entry.request != subject.request:
            subject.request = entry.request
            subject.declined = None
        return subject

    def _announce(self, file_id: bytes, subject: Subject) -> None:
        """Tell the node of a file once its manifest is known, and that it is complete if it is."""
        progress = self._holdings.progress(file_id)
        if progress is None or subject.request in self._told.setdefault(progress, set()):
            return
        self._told[progress].add(subject.request)
        self._emit(FileOffered(progress.manifest, file_id, subject.priority, subject.request or None))
        if not progress.missing and (progress.read_back is None or subject.request):
            self._emit(FileComplete(file_id))

    def _statements(self, room: int) -> list[list[Section]]:
        """Sections by frame. Only files that were polled may take more than the first frame."""
        frames: list[list[Section]] = [[]]
        left = room
        for file_id, subject, progress in self._worth_stating():
            first, last = (0, 0) if progress is None else subject.window(progress)
            while True:
                section = self._section(file_id, subject, progress, first, last, left)
                if section is not None:
                    frames[-1].append(section)
                    left -= section.encoded_bytes
                    first = section.end
                    if first >= last or section.state is State.DECLINED:
                        break
                elif subject.polled and left < room:
                    frames.append([])
                    left = room
                else:
                    break
            subject.state()
        return frames

    def _worth_stating(self) -> list[tuple[bytes, Subject, Progress | None]]:
        """Subjects polled, changed or under way; the polled ones first."""
        chosen, ended = [], []
        for file_id, subject in self._subjects.items():
            progress = self._holdings.progress(file_id)
            if progress is not None:
                subject.look(progress)
            if subject.polled or subject.repeats or (progress is not None and progress.held_bytes):
                chosen.append((file_id, subject, progress))
            elif progress is not None and progress.read_back is not None and subject.declined is None:
                ended.append(file_id)
        for file_id in ended:
            del self._subjects[file_id]
        return sorted(chosen, key=lambda each: not each[1].polled)

    def _section(
        self,
        file_id: bytes,
        subject: Subject,
        progress: Progress | None,
        first: int,
        last: int,
        room: int,
    ) -> Section | None:
        if subject.declined is not None:
            return inventory.declined(file_id, subject.declined, room)
        if progress is None:
            return inventory.of_manifest(file_id, self._holdings.partial(file_id), room)
        return inventory.of_file(progress, first, last, room)

    def _frame(self, sections: list[Section]) -> bytes:
        self._number += 1
        ours = [self._holdings.progress(file_id) for file_id in self._subjects]
        held = sum(progress.held_bytes for progress in ours if progress)
        credit = max(0, self._holdings.capacity_bytes - self._holdings.used_bytes + held)
        if not self._holdings.capacity_bytes:
            credit = 0
        statement = Report(
            self._epoch, self._number, self._peer_epoch, self._highest, self._token, credit, tuple(sections)
        )
        return report.encode(statement)
