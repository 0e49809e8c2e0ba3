"""Whose turn it is to be sent: books, lines and statements of one end, without a link."""

from __future__ import annotations

from dataclasses import replace

from linkemu.transfer import frames, report
from linkemu.transfer.book import Book
from linkemu.transfer.events import ChunkWanted, Event, FileOffered, FileVerified
from linkemu.transfer.frames import Entry, Poll
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.lines import Lines
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.offer import Offer
from linkemu.transfer.outgoing import Outgoing
from linkemu.transfer.pacing import LinkCue
from linkemu.transfer.receiver import Receiver
from linkemu.transfer.report import Report, Section, State
from linkemu.transfer.sender import Sender
from linkemu.transfer.settings import Counters, Settings
from linkemu.transfer.subject import Subject

CUE = LinkCue(10_000_000, True, 0.005)


def manifest(name: str) -> Manifest:
    """Of four chunks, each of which is in no other file."""
    return Manifest.of(name, b"".join(f"{name}{index}".encode() * 500 for index in range(4)), 1000)


def nothing(file: Manifest, first: int = 0, last: int | None = None) -> Section:
    """That of these chunks the peer has none."""
    last = len(file.chunks) if last is None else last
    return Section(file.file_id, State.HELD, first, 0, 0, last - first, 0, (), ())


def test_files_of_one_priority_take_turns_chunk_by_chunk() -> None:
    book = Book()
    for name in ("a", "b"):
        book.add(manifest(name), 5).informed = True
    book.add(Manifest.of("later", b"z" * 900, 1000), 6).informed = True
    turns = []
    while (following := book.next()) is not None:
        offer, index = following
        turns.append(offer.manifest.name)
        book.open(offer, index)
    assert turns == ["a", "b"] * 4 + ["later"]


def waiting(length: int, *, begun: bool = False) -> Outgoing:
    outgoing = Outgoing(bytes(32), length, 0)
    outgoing.data = memoryview(bytes(length))
    outgoing.started = begun
    return outgoing


def test_a_new_chunk_needs_credit_to_its_last_byte_and_a_begun_one_none() -> None:
    lines, new, begun = Lines(), waiting(100), waiting(50, begun=True)
    lines.put(new)
    lines.credit_bytes = 99
    assert lines.next() is None
    lines.credit_bytes = 100
    lines.rethink()
    assert lines.next() is new
    lines.put(begun)
    assert lines.next() is begun, "what the peer holds in part goes first"
    lines.credit_bytes = 0
    lines.rethink()
    assert lines.next() is begun


def test_a_chunk_that_is_not_sent_any_more_frees_its_bytes_and_its_credit() -> None:
    lines, first, second = Lines(), waiting(100), waiting(100)
    lines.credit_bytes = 100
    for each in (first, second):
        lines.put(each)
    lines.begin(first)
    assert lines.next() is first
    lines.end(first)
    assert first.data is None
    assert lines.next() is second


def test_an_inventory_is_known_once_all_of_it_was_stated_since_it_was_asked_for() -> None:
    file = manifest("a")
    offer = Offer(file, 0, 0)
    offer.learn(nothing(file), current=False)
    assert not offer.informed
    offer.learn(nothing(file, 2), current=True)
    assert not offer.informed, "nothing is known of the first two chunks"
    offer.learn(nothing(file, 0, 2), current=True)
    assert not offer.informed
    offer.learn(nothing(file, 2), current=True)
    assert offer.informed


class Sending:
    """A Sender whose peer has nothing, and what it has told its node."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.sender = Sender(3, Settings(), Counters(), self.told.append)
        self.sender.cue(CUE)
        self.sender.resume(CUE.delay_s, 0.0)
        self.statement = Report(9, 0, 3, 0, 0, 1 << 20, ())

    def offer(self, *files: Manifest) -> None:
        for file in files:
            self.sender.offer(file, 0, (), 0, 0.0)
        (poll,) = self.sender.polls(8192, 0.0)
        asked = frames.decode(poll)
        assert isinstance(asked, frames.Poll)
        self.statement = replace(self.statement, token=asked.token)
        self.state(*map(nothing, files))

    def state(self, *sections: Section, **fields: int) -> None:
        number = fields.pop("number", self.statement.number + 1)
        self.statement = replace(self.statement, number=number, sections=sections, **fields)
        self.sender.report(self.statement, 0.1)

    def wanted(self) -> list[tuple[bytes, int]]:
        return [(each.file_id, each.index) for each in self.told if isinstance(each, ChunkWanted)]


def test_a_chunk_asked_for_in_the_name_of_a_file_that_is_withdrawn_is_asked_for_anew() -> None:
    sending = Sending()
    one, other = (Manifest.of(name, b"x" * 900, 1000) for name in ("a", "b"))
    sending.offer(one, other)
    assert sending.wanted() == [(one.file_id, 0)]
    sending.sender.withdraw(one.file_id)
    assert sending.wanted() == [(one.file_id, 0), (other.file_id, 0)]


def test_what_the_peer_saw_of_an_earlier_life_of_ours_is_no_loss_of_this_one() -> None:
    sending = Sending()
    file = Manifest.of("a", b"x" * 900, 1000)
    sending.offer(file)
    sending.sender.supply(file.chunks[0], b"x" * 900, True)
    assert sending.sender.next_data(8192) is not None
    sending.state(nothing(file), polled_epoch=2, highest=10**6)
    assert sending.sender.next_data(8192) is None
    sending.state(nothing(file), polled_epoch=3)
    assert sending.sender.next_data(8192) is not None, "of this life it is"


def test_reports_of_a_peer_that_has_started_anew_are_heard_from_the_first() -> None:
    sending = Sending()
    file = Manifest.of("a", b"x" * 900, 1000)
    sending.offer(file)
    sending.state(nothing(file), number=50)
    verified = Section(file.file_id, State.VERIFIED, 0, 1, 0, 0, 0, (), (), file.sha256)
    sending.state(verified, number=1)
    assert FileVerified(file.file_id, file.sha256) not in sending.told
    sending.sender.peer_restarted(CUE.delay_s, 0.2)
    sending.state(verified, number=1)
    assert FileVerified(file.file_id, file.sha256) in sending.told


def test_an_offer_made_again_goes_on_answering_its_request() -> None:
    sending = Sending()
    for request in (5, 0):
        sending.sender.offer(manifest("a"), 0, (), request, 0.0)
    (poll,) = sending.sender.polls(8192, 0.0)
    asked = frames.decode(poll)
    assert isinstance(asked, frames.Poll) and [entry.request for entry in asked.entries] == [5]


def test_a_peer_that_never_answers_is_sent_the_manifest_too() -> None:
    sending = Sending()
    file = manifest("a")
    sending.sender.offer(file, 0, (), 0, 0.0)
    for second in range(0, 60, 10):
        assert not sending.sender.has_data()
        sending.sender.polls(8192, second)
    frame = sending.sender.next_data(8192)
    assert frame is not None
    piece = frames.decode(frame)
    assert isinstance(piece, frames.Data) and piece.is_manifest and piece.payload == file.encoded


class Receiving:
    """A Receiver that is polled for one file, and what it has told its node."""

    def __init__(self, *files: Manifest) -> None:
        self.told: list[Event] = []
        self.holdings = Holdings()
        for file in files:
            self.holdings.know(file)
        self.entries = tuple(Entry(file.file_id, len(file.encoded), 0, 0) for file in files)
        self.receiver = Receiver(self.holdings, 3, Settings(), Counters(), self.told.append)
        self.receiver.peer_started(8)

    def polled(self, sequence: int, token: int) -> Report:
        self.receiver.poll(Poll(8, sequence, token, self.entries), 0.0)
        (frame,) = self.receiver.reports(8192, 10.0 * sequence)
        body = frames.decode(frame)
        assert isinstance(body, frames.Body)
        return report.decode(body.epoch, body.content)


def test_a_poll_that_was_overtaken_takes_nothing_back() -> None:
    receiving = Receiving(manifest("a"))
    for sequence, token in ((10, 2), (4, 1)):
        stated = receiving.polled(sequence, token)
        assert (stated.highest, stated.token) == (10, 2)


def test_a_node_that_takes_no_more_gives_no_credit() -> None:
    files = [Manifest.of(name, b"x" * 900, 1000) for name in ("a", "b")]
    receiving = Receiving(*files)
    receiving.holdings.take(files[0].chunks[0], 900, 0, b"x" * 9, 0, False)
    assert receiving.polled(1, 1).credit_bytes > 0
    receiving.holdings.capacity_bytes = 0
    assert receiving.polled(2, 2).credit_bytes == 0


def test_what_was_declined_is_told_anew_once_the_light_is_back() -> None:
    file = manifest("a")
    receiving = Receiving(file)
    receiving.polled(1, 1)
    receiving.receiver.decline(file.file_id, "no room", 0.0)
    receiving.polled(2, 2)
    assert len(receiving.told) == 1
    receiving.receiver.resume()
    receiving.polled(3, 3)
    assert receiving.told == [FileOffered(file, file.file_id, 0, None)] * 2


def test_news_is_stated_three_times_and_then_the_rest_alone() -> None:
    holdings, file = Holdings(), manifest("a")
    holdings.know(file)
    progress = holdings.progress(file.file_id)
    assert progress is not None
    subject = Subject()
    windows = []
    for turn in range(9):
        if turn == 3:
            holdings.stored(file.chunks[2])
            subject.came_again((2,))
        subject.look(progress)
        windows.append((subject.repeats, subject.window(progress)))
        subject.state()
    whole, news = (0, 4), (2, 3)
    assert windows == [
        *((left, whole) for left in (3, 2, 1)),
        *((left, news) for left in (3, 2, 1)),
        *((0, whole) for _ in range(3)),
    ]
