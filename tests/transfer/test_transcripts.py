"""Transfers as transcripts: two Endpoints over two Channels, and the events that their nodes see."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from linkemu.errors import IntegrityError
from linkemu.machine import Direction
from linkemu.transfer import frames
from linkemu.transfer.endpoint import Endpoint, Settings
from linkemu.transfer.events import (
    ChunkAcknowledged,
    ChunkLost,
    ChunkReceived,
    ChunkRepeated,
    ChunkWanted,
    Event,
    FileAcknowledged,
    FileComplete,
    FileOffered,
    FileRefused,
    FileRequested,
    FileVerified,
    RequestRefused,
)
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.pacing import LinkCue
from tests.transfer.conftest import RATE_BPS, join, link, noise, payload_ranges
from tests.world import Node, World

Tap = Callable[[World, int], list[bytes]]


def check(world: World, *, resent: int = 0) -> None:
    for node in world.nodes:
        assert node.endpoint.counters.acknowledged_resent == resent
        assert not node.told(ChunkLost)


def sent_bytes(sent: list[bytes]) -> int:
    return sum(ranges[2] - ranges[1] for datagram in sent if (ranges := payload_ranges(datagram)))


def test_one_chunk_from_offer_to_verified(world: World) -> None:
    ground, satellite = world.nodes
    manifest = ground.put("a", b"hello", 0.0)
    world.settle()
    [chunk_id] = manifest.chunks
    assert ground.log == [
        ChunkWanted(manifest.file_id, 0, chunk_id, 0, 5),
        ChunkAcknowledged(chunk_id, (manifest.file_id,)),
        FileAcknowledged(manifest.file_id),
        FileVerified(manifest.file_id, manifest.sha256),
    ]
    assert satellite.log == [
        FileOffered(manifest, manifest.file_id, 0, None),
        ChunkReceived(chunk_id, bytearray(b"hello")),
        FileComplete(manifest.file_id),
    ]
    assert world.now < 0.05, "three round trips of 10 ms"
    assert world.nodes[0].endpoint.next_wakeup() is None


def test_an_empty_file_crosses(world: World) -> None:
    ground, satellite = world.nodes
    ground.put("empty", b"", 0.0)
    world.settle()
    assert satellite.files == {"empty": b""}


@pytest.mark.parametrize("known", [True, False], ids=["after", "beside"])
def test_a_file_whose_content_is_the_manifest_of_another_crosses(world: World, known: bool) -> None:
    ground, satellite = world.nodes
    manifest = ground.put("a", b"hello", 0.0)
    if known:
        world.settle()
    ground.put("b", manifest.encoded, world.now)
    world.settle()
    assert satellite.files == {"a": b"hello", "b": manifest.encoded}


def test_without_loss_each_byte_crosses_once(world: World, tapped: Tap) -> None:
    sent = tapped(world, 0)
    content = noise(3_000_000)
    world.nodes[0].put("a", content, 0.0)
    world.settle()
    assert sent_bytes(sent) == len(content)
    assert world.nodes[1].files["a"] == content
    assert world.now < 8 * len(content) / RATE_BPS * 1.02 + 0.05
    assert world.channels[0].counters.refused == 0
    check(world)


def test_lost_slots_cost_little_more_than_themselves() -> None:
    world = join(Node(), Node(), loss=0.03)
    content = noise(6_000_000)
    world.nodes[0].put("a", content, 0.0)
    world.settle()
    counters = world.nodes[0].endpoint.counters
    assert world.nodes[1].files["a"] == content
    assert counters.repaired_bytes <= 1.1 * world.channels[0].counters.erased_bytes
    assert world.nodes[1].endpoint.counters.duplicate_bytes <= 0.01 * len(content)
    check(world)


@pytest.mark.parametrize("direction", [0, 1])
def test_any_single_frame_may_be_lost(direction: int) -> None:
    """Every frame of a short transfer in turn: each loss is repaired, in tail and head alike."""
    intact = join(Node(), Node())
    intact.nodes[0].put("a", noise(60_000), 0.0, chunk_bytes=20_000)
    intact.settle()
    for missing in range(intact.frames[direction]):
        world = join(Node(), Node())
        count = [0]

        def lose(datagram: bytes, count: list[int] = count, missing: int = missing) -> Iterable[bytes]:
            count[0] += 1
            return () if count[0] == missing + 1 else (datagram,)

        world.spoil[direction] = lose
        world.nodes[0].put("a", noise(60_000), 0.0, chunk_bytes=20_000)
        world.settle(until=5.0)
        assert world.nodes[1].files["a"] == noise(60_000)
        check(world)


def test_corrupted_frames_count_as_lost(world: World) -> None:
    count = [0]

    def spoil(datagram: bytes) -> Iterable[bytes]:
        count[0] += 1
        if count[0] % 7 == 0:
            return (datagram[:-1] + bytes([datagram[-1] ^ 0x10]),)
        return (datagram,)

    world.spoil = [spoil, spoil]
    world.nodes[0].put("a", noise(1_000_000), 0.0)
    world.settle()
    assert world.nodes[1].files["a"] == noise(1_000_000)
    counters = world.nodes[1].endpoint.counters
    assert counters.frames_refused + counters.chunks_corrupt > 0
    assert world.nodes[0].endpoint.counters.repaired_bytes <= 0.25 * 1_000_000, (
        "only spoilt pieces came again"
    )
    check(world)


def test_duplicated_and_reordered_frames_do_no_harm(world: World, tapped: Tap) -> None:
    held: list[bytes] = []

    def shuffle(datagram: bytes) -> Iterable[bytes]:
        held.append(datagram)
        if len(held) < 3:
            return ()
        first, second, third = held
        held.clear()
        return (second, third, first, second)

    world.spoil[0] = shuffle
    sent = tapped(world, 0)
    content = noise(1_000_000)
    world.nodes[0].put("a", content, 0.0)
    world.settle()
    assert world.nodes[1].files["a"] == content
    assert sent_bytes(sent) <= 1.05 * len(content), "frames out of order were taken for lost"
    check(world)


def test_an_outage_in_mid_chunk_stops_all_and_only_missing_ranges_follow(tapped: Tap) -> None:
    world = join(Node(), Node(), dark=[(0.2, 6.2)])
    sent = tapped(world, 0)
    content = noise(5_000_000)
    world.nodes[0].put("a", content, 0.0, chunk_bytes=1 << 20)
    world.run(until=0.21)
    before = len(sent)
    frames_before = list(world.frames)
    world.run(until=6.19)
    assert world.frames == frames_before, "frames in the dark"
    assert world.nodes[0].endpoint.next_wakeup() is None
    world.settle()
    assert len(sent) > before
    assert world.nodes[1].files["a"] == content
    assert sent_bytes(sent) == len(content), "ranges that were held or under way were sent again"
    check(world)


def test_an_outage_that_eats_what_was_in_flight(tapped: Tap) -> None:
    """Erasure begins 50 ms before the modem notices: that much is lost and repaired, no more."""
    lost_slots = [(150, 51)]
    world = join(Node(), Node(), dark=[(0.2, 3.2)], erased=lost_slots)
    sent = tapped(world, 0)
    content = noise(5_000_000)
    world.nodes[0].put("a", content, 0.0, chunk_bytes=1 << 20)
    world.settle()
    assert world.nodes[1].files["a"] == content
    assert sent_bytes(sent) - len(content) <= 0.052 * RATE_BPS / 8 + 2 * 8192
    check(world)


def test_what_another_station_brought_in_the_dark_is_not_sent(tapped: Tap) -> None:
    world = join(Node(), Node(), dark=[(0.2, 3.2)])
    ground, satellite = world.nodes
    content = noise(5_000_000)
    manifest = ground.put("a", content, 0.0)
    sent = tapped(world, 0)
    world.run(until=1.0)
    before = len(sent)
    for index, chunk_id in enumerate(manifest.chunks):
        start = manifest.offset(index)
        satellite.chunks[chunk_id] = content[start : start + manifest.length(index)]
        satellite.endpoint.stored(chunk_id, world.now)
    world.settle()
    assert not list(filter(None, map(payload_ranges, sent[before:])))
    check(world)


def test_a_lost_tail_costs_a_round_trip_and_no_time_out() -> None:
    def play(lost: int) -> float:
        world, count = join(Node(), Node()), [0]

        def lose(datagram: bytes) -> Iterable[bytes]:
            count[0] += payload_ranges(datagram) is not None
            return () if payload_ranges(datagram) and count[0] == lost else (datagram,)

        world.spoil[0] = lose
        world.nodes[0].put("a", noise(50_000), 0.0)
        world.settle()
        return world.now

    pieces = -(-50_000 // (8192 - frames.DATA_OVERHEAD_BYTES))
    assert play(lost=pieces) < play(lost=0) + 0.010 + 0.005 + 0.005


def test_nothing_is_sent_before_the_inventory_is_known(world: World, tapped: Tap) -> None:
    sent = tapped(world, 0)
    world.nodes[0].put("a", noise(100_000), 0.0)
    world.run(until=0.009)
    assert sent and not any(isinstance(frames.decode(datagram), frames.Data) for datagram in sent)


def test_a_silent_peer_is_not_waited_for_for_ever() -> None:
    ground, satellite = Node(), Node()
    up = link(Direction.UP)
    down = link(Direction.DOWN, erased=[(0, 8_000)])
    world = World(ground, satellite, up, down)
    ground.put("a", noise(200_000), 0.0)
    world.run(until=8.0)
    assert len(satellite.chunks) == 4, "all of it crossed although no report came back"
    world.settle()
    assert ground.endpoint.counters.repaired_bytes == 0
    check(world)


@pytest.mark.parametrize("side", [0, 1], ids=["the sender with its journal", "the receiver with its disk"])
def test_one_dies_and_what_it_has_kept_is_not_sent_again(tapped: Tap, side: int) -> None:
    world = join(Node(), Node(), loss=0.01)
    ground, satellite = world.nodes
    content = noise(4_000_000)
    ground.put("a", content, 0.0)
    world.run(until=0.2)
    journal = set(ground.acknowledged)
    assert 10 < len(journal) < 60
    world.nodes[side].restart(world.now)
    world.nodes[side].endpoint.cue(world.sensed[side], world.now)
    sent = tapped(world, 0)
    world.settle()
    assert satellite.files["a"] == content
    resent = {ranges[0] for datagram in sent if (ranges := payload_ranges(datagram))}
    assert not resent & journal
    check(world)


def test_a_receiver_that_dies_in_the_light_is_heard_at_once_in_its_next_life(world: World) -> None:
    ground, satellite = world.nodes
    for number in range(30):  # many reports of its first life
        ground.put(f"{number}", b"%d" % number, world.now)
        world.settle()
    satellite.restart(world.now)
    satellite.endpoint.cue(world.sensed[1], world.now)
    began = world.now
    ground.put("last", b"last", began)
    world.settle()
    assert satellite.files["last"] == b"last"
    assert world.now - began < 0.1, "ten round trips"


def test_both_die_in_the_dark_and_partials_come_back_from_disk(tapped: Tap) -> None:
    """One chunk of the whole file, so that only partials can save what was sent."""
    world = join(Node(), Node(), dark=[(0.2, 5.0)])
    ground, satellite = world.nodes
    content = noise(4_000_000)
    ground.put("a", content, 0.0, chunk_bytes=4_000_000)
    sent = tapped(world, 0)
    world.run(until=1.0)
    partials = [data for _, data in satellite.holdings.export()]
    ground.restart(world.now)
    satellite.restart(world.now, partials)
    world.settle()
    assert satellite.files["a"] == content
    in_queue = 0.025 * RATE_BPS / 8
    assert sent_bytes(sent) <= len(content) + in_queue
    check(world)


def test_another_station_goes_on_where_the_first_broke_off() -> None:
    """Two links of one satellite share its holdings; the second sends no range that is held."""
    first, second, content = Node(), Node(), noise(4_000_000)
    satellite = Node()
    world = join(first, satellite, dark=[(0.15, 600.0)])
    manifest = first.put("a", content, 0.0, chunk_bytes=1 << 20)
    world.run(until=2.0)
    held = {
        chunk_id: list(assembly.held)
        for chunk_id in manifest.chunks
        if (assembly := satellite.holdings.partial(chunk_id))
    }
    stored = dict(satellite.chunks)
    assert held and stored, "the outage is in mid-chunk"
    satellite.endpoint = Endpoint(satellite.holdings, 1)
    handover = join(second, satellite)
    second.put("a", content, 0.0, chunk_bytes=1 << 20)
    sent: list[bytes] = []
    handover.spoil[0] = lambda datagram: (sent.append(datagram), (datagram,))[1]
    handover.settle()
    assert satellite.files["a"] == content
    for chunk_id, start, end in filter(None, map(payload_ranges, sent)):
        assert chunk_id not in stored
        assert all(end <= left or right <= start for left, right in held.get(chunk_id, []))
    there = sum(map(len, stored.values())) + sum(
        end - start for ranges in held.values() for start, end in ranges
    )
    assert sent_bytes(sent) == len(content) - there
    check(handover)


def test_an_urgent_file_overtakes(world: World) -> None:
    ground = world.nodes[0]
    ground.put("bulk", noise(4_000_000, 1), 0.0, priority=2)
    world.run(until=0.1)
    urgent = ground.put("urgent", noise(200_000, 2), world.now, priority=1)
    world.run(until=10.0, done=lambda: urgent.file_id not in ground.offers)
    three_round_trips_behind_the_queue_s = 3 * (0.010 + 0.020)
    assert world.now < 0.1 + three_round_trips_behind_the_queue_s + 0.016 + 0.01
    assert len(ground.offers) == 1
    world.settle()
    check(world)


def test_equal_files_take_turns(world: World) -> None:
    ground = world.nodes[0]
    first, second = (ground.put(name, noise(2_000_000, seed), 0.0) for seed, name in enumerate("ab"))
    world.settle()
    acknowledged = [event.chunk_id for event in ground.told(ChunkAcknowledged)]  # type: ignore[union-attr]
    halfway = acknowledged[: len(acknowledged) // 2]
    shares = [sum(chunk_id in manifest.chunks for chunk_id in halfway) for manifest in (first, second)]
    asked_ahead = 0.05 * RATE_BPS / 8 / 65536
    assert abs(shares[0] - shares[1]) <= asked_ahead + 4


def test_many_files_cross(world: World) -> None:
    ground, satellite = world.nodes
    contents = {f"file {index}": noise(index * 50, index) for index in range(150)}
    for name, content in contents.items():
        ground.put(name, content, 0.0)
    world.settle(until=30.0)
    assert satellite.files == contents
    check(world)


def test_equal_chunks_cross_once(world: World, tapped: Tap) -> None:
    sent = tapped(world, 0)
    ground, satellite = world.nodes
    shared = noise(300_000)
    ground.put("zeros", bytes(500_000), 0.0, chunk_bytes=50_000)
    ground.put("a", shared, 0.0, chunk_bytes=50_000)
    ground.put("b", shared + b"tail", 0.0, chunk_bytes=50_000)
    world.settle()
    assert satellite.files["b"] == shared + b"tail"
    assert sent_bytes(sent) == 50_000 + 300_000 + 4
    ground.put("again", shared, world.now, chunk_bytes=50_000)
    world.settle()
    assert sent_bytes(sent) == 50_000 + 300_000 + 4, "known content under a new name was sent"
    check(world)


def test_a_file_that_is_there_already_is_only_offered(world: World, tapped: Tap) -> None:
    ground, satellite = world.nodes
    ground.put("a", noise(100_000), 0.0)
    world.settle()
    ground.acknowledged.clear()
    ground.restart(world.now)
    ground.endpoint.cue(world.sensed[0], world.now)
    sent = tapped(world, 0)
    ground.put("a", noise(100_000), world.now)
    world.settle()
    assert sent_bytes(sent) == 0
    assert len(ground.told(FileVerified)) == 2
    assert len(satellite.told(FileComplete)) == 1


def test_get_by_name_and_by_id(world: World) -> None:
    ground, satellite = world.nodes
    for name in ("one", "two"):
        content = noise(300_000, ord(name[0]))
        manifest = satellite.catalogue[name] = Manifest.of(name, content, 65536)
        satellite.contents[manifest.file_id] = content
    satellite.catalogue[""] = satellite.catalogue["two"]
    numbers = [
        ground.endpoint.request("one", 1, 0.0),
        ground.endpoint.request(satellite.catalogue["two"].file_id, 2, 0.0),
        ground.endpoint.request("three", 0, 0.0),
    ]
    world.run(until=60.0)
    assert ground.files == {
        name: satellite.contents[satellite.catalogue[name].file_id] for name in ("one", "two")
    }
    offered = {event.manifest.name: event.request for event in ground.told(FileOffered)}  # type: ignore[union-attr]
    assert offered == {"one": numbers[0], "two": numbers[1]}
    assert ground.told(RequestRefused) == [RequestRefused(numbers[2], "no file three")]
    assert ground.endpoint.next_wakeup() is None
    check(world)


def test_a_request_survives_outage_and_restart_of_the_peer() -> None:
    world = join(Node(), Node(), dark=[(0.1, 1.0)])
    ground, satellite = world.nodes
    content = noise(3_000_000)
    manifest = satellite.catalogue["a"] = Manifest.of("a", content, 65536)
    satellite.contents[manifest.file_id] = content
    ground.endpoint.request("a", 0, 0.0)
    world.run(until=1.05)
    satellite.restart(world.now)
    satellite.endpoint.cue(world.sensed[1], world.now)
    world.run(until=60.0, done=lambda: "a" in ground.files)
    assert ground.files["a"] == content
    check(world)


def test_asking_twice_for_one_file_is_answered_twice(world: World) -> None:
    ground, satellite = world.nodes
    content = noise(500_000)
    manifest = satellite.catalogue["a"] = Manifest.of("a", content, 65536)
    satellite.contents[manifest.file_id] = content
    ground.endpoint.request("a", 0, 0.0)
    world.run(until=0.02)
    ground.endpoint.request("a", 0, world.now)
    world.run(until=60.0)
    assert ground.files["a"] == content
    assert ground.endpoint.next_wakeup() is None, "a request is still open"
    ground.endpoint.request("a", 0, world.now)
    world.run(until=120.0)
    assert ground.endpoint.next_wakeup() is None
    assert len(ground.told(FileComplete)) >= 2


def test_both_directions_at_once() -> None:
    world = join(Node(), Node(), loss=0.02)
    contents = [noise(3_000_000, side) for side in range(2)]
    for node, content in zip(world.nodes, contents, strict=True):
        node.put("a", content, 0.0)
    world.settle()
    assert world.nodes[1].files["a"] == contents[0]
    assert world.nodes[0].files["a"] == contents[1]
    assert world.now < 1.15 * 8 * 3_000_000 / RATE_BPS + 0.1, "reports waited behind bulk"
    check(world)


def test_a_thin_budget_for_reports_is_kept() -> None:
    world = join(Node(), Node(Settings(acknowledgement_bps=20_000)), loss=0.02)
    ground, satellite = world.nodes
    content = noise(10_000_000)
    ground.put("a", content, 0.0)
    world.settle()
    assert satellite.files["a"] == content
    assert 8 * satellite.endpoint.counters.report_bytes_sent <= 20_000 * world.now + 8 * 2 * 8192
    assert world.now < 2.0
    assert satellite.endpoint.counters.duplicate_bytes <= 0.02 * len(content)
    check(world)


@pytest.mark.parametrize("room", [0, 30_000])
def test_a_peer_without_room_is_waited_for(world: World, room: int) -> None:
    ground, satellite = world.nodes
    satellite.holdings.capacity_bytes = room
    ground.put("a", noise(300_000), 0.0)
    world.run(until=3.0)
    assert not satellite.chunks and ground.endpoint.counters.first_sent_bytes == 0
    satellite.holdings.capacity_bytes = 200_000
    world.settle()
    assert satellite.files["a"] == noise(300_000)
    assert ground.endpoint.counters.repaired_bytes == 0, "more was sent than there was room for"
    check(world)


def test_a_slow_disk_holds_back_the_acknowledgement_and_nothing_is_sent_twice(world: World) -> None:
    ground, satellite = world.nodes
    satellite.store_chunks = False
    ground.put("a", noise(600_000), 0.0)
    world.run(until=2.0)
    assert len(satellite.told(ChunkReceived)) == 10
    assert not ground.acknowledged
    for event in satellite.told(ChunkReceived):
        assert isinstance(event, ChunkReceived)
        satellite.chunks[event.chunk_id] = bytes(event.data)
        satellite.endpoint.stored(event.chunk_id, world.now)
    world.settle()
    assert ground.endpoint.counters.repaired_bytes == 0
    check(world)


def test_a_chunk_that_could_not_be_stored_comes_again(world: World) -> None:
    ground, satellite = world.nodes
    satellite.store_chunks = False
    ground.put("a", noise(100_000), 0.0)
    world.run(until=1.0)
    satellite.store_chunks = True
    for event in satellite.told(ChunkReceived):
        assert isinstance(event, ChunkReceived)
        satellite.endpoint.discard(event.chunk_id, world.now)
    world.settle()
    assert satellite.files["a"] == noise(100_000)


def test_a_refused_file_is_given_up(world: World) -> None:
    ground, satellite = world.nodes
    manifest = ground.put("a", noise(9_000_000), 0.0)
    world.run(until=0.05)
    satellite.endpoint.decline(manifest.file_id, "another file has this name", world.now)
    world.settle()
    assert ground.told(FileRefused) == [FileRefused(manifest.file_id, "another file has this name")]
    assert world.now < 0.5


def test_a_file_that_was_asked_for_and_is_not_wanted_any_more_is_not_asked_for_again(world: World) -> None:
    ground, satellite = world.nodes
    file = satellite.catalogue["a"] = Manifest.of("a", noise(2_000_000), 65536)
    satellite.contents[file.file_id] = noise(2_000_000)
    ground.endpoint.request("a", 0, 0.0)
    world.run(1.0, done=lambda: bool(ground.told(FileOffered)))
    ground.endpoint.decline(file.file_id, "no space", world.now)
    world.run(30.0)
    ground.endpoint.cue(LinkCue(0, False, 0.0), world.now)
    ground.endpoint.cue(LinkCue(RATE_BPS, True, 0.005), world.now)  # light anew: what is open is asked again
    world.run(60.0)
    assert len(satellite.told(FileRequested)) == 1


def test_a_decline_stands_for_one_contact() -> None:
    world = join(Node(), Node(), dark=[(1.0, 2.0)])
    ground, satellite = world.nodes
    manifest = ground.put("a", noise(100_000), 0.0)
    world.run(until=0.004)
    satellite.endpoint.decline(manifest.file_id, "no space", world.now)
    world.run(until=0.5)
    assert ground.told(FileRefused) == [FileRefused(manifest.file_id, "no space")]
    world.run(until=1.5)
    ground.put("a", noise(100_000), world.now)
    world.settle(until=5.0)
    assert satellite.files["a"] == noise(100_000)


def test_a_file_that_was_forgotten_is_offered_anew_and_may_be_declined(world: World) -> None:
    """Else its chunks would come for ever, with nobody who stores them."""
    ground, satellite = world.nodes
    manifest = ground.put("a", noise(9_000_000), 0.0)
    world.run(until=0.05)
    assert len(satellite.told(FileOffered)) == 1
    satellite.holdings.forget(manifest.file_id)
    world.run(until=0.1)
    assert len(satellite.told(FileOffered)) == 2
    satellite.endpoint.decline(manifest.file_id, "given up", world.now)
    world.settle()
    assert ground.told(FileRefused) == [FileRefused(manifest.file_id, "given up")]


def test_an_offer_for_a_request_of_an_earlier_life_answers_none_of_ours(world: World) -> None:
    ground, satellite = world.nodes
    content = noise(3_000_000)
    manifest = satellite.catalogue["a"] = Manifest.of("a", content, 65536)
    satellite.contents[manifest.file_id] = content
    before = ground.endpoint.request("a", 0, 0.0)
    world.run(until=0.1)
    ground.restart(world.now)
    ground.endpoint.cue(world.sensed[0], world.now)
    after = ground.endpoint.request("b", 0, world.now)
    assert before != after
    world.run(until=2.0)
    assert ground.told(RequestRefused) == [RequestRefused(after, "no file b")]


def test_a_wrong_sha256_closes_the_offer(world: World) -> None:
    ground, _ = world.nodes
    manifest = Manifest.of("a", b"content", 65536)
    false = Manifest("a", 7, b"s" * 32, 65536, manifest.chunks)
    ground.contents[false.file_id] = b"content"
    ground.offers[false.file_id] = (false, 0)
    ground.endpoint.offer(false, 0, (), 0.0)
    world.settle()
    [refused] = ground.told(FileRefused)
    assert isinstance(refused, FileRefused) and manifest.sha256.hex() in refused.reason


def test_a_withdrawn_file_stops(world: World, tapped: Tap) -> None:
    sent = tapped(world, 0)
    ground = world.nodes[0]
    manifest = ground.put("a", noise(9_000_000), 0.0)
    world.run(until=0.1)
    ground.endpoint.withdraw(manifest.file_id, world.now)
    before = len(sent)
    world.run(until=5.0)
    assert len(sent) == before
    assert ground.endpoint.next_wakeup() is None


def test_false_content_is_never_sent(world: World) -> None:
    ground = world.nodes[0]
    manifest = ground.put("a", noise(10_000), 0.0)
    ground.contents[manifest.file_id] = noise(10_000, 1)
    with pytest.raises(IntegrityError, match="not its content"):
        world.settle()


def test_a_stored_chunk_that_goes_bad_is_given_back_and_replaced(world: World) -> None:
    ground, satellite = world.nodes
    content = noise(5_000_000)
    manifest = ground.put("a", content, 0.0)
    world.run(until=0.2)
    bad = manifest.chunks[3]
    assert bad in ground.acknowledged
    del satellite.chunks[bad]
    satellite.holdings.lost(bad)
    world.settle()
    assert ground.told(ChunkLost) == [ChunkLost(bad, (manifest.file_id,))]
    assert satellite.files["a"] == content
    assert ground.endpoint.counters.acknowledged_resent == 0


def test_a_chunk_that_comes_again_is_told_once(world: World, tapped: Tap) -> None:
    """By the receiver's own knowledge, whatever the sender counts."""
    ground, satellite = world.nodes
    sent = tapped(world, 0)
    manifest = ground.put("a", noise(200_000), 0.0)
    world.settle()
    assert not satellite.told(ChunkRepeated)
    for _ in range(2):
        for datagram in sent:
            if (ranges := payload_ranges(datagram)) and ranges[0] == manifest.chunks[1]:
                satellite.endpoint.receive(datagram, world.now)
                satellite.handle(world.now)
    assert satellite.told(ChunkRepeated) == [ChunkRepeated(manifest.chunks[1])]
    progress = satellite.holdings.progress(manifest.file_id)
    assert progress is not None and progress.repeated_chunks == 1
    assert progress.received_bytes == 200_000 + 2 * 65_536


def test_what_is_sent_is_counted_for_each_file() -> None:
    world = join(Node(), Node(), loss=0.05)
    ground = world.nodes[0]
    counters = []
    for name, size in (("a", 700_000), ("b", 1_500_000)):
        manifest = ground.put(name, noise(size, size), 0.0)
        counters.append(ground.endpoint.offer(manifest, 0, (), 0.0))
    world.settle()
    first, second = counters
    assert (first.first_sent_bytes, second.first_sent_bytes) == (700_000, 1_500_000)
    total = ground.endpoint.counters
    assert 0 < first.repaired_bytes + second.repaired_bytes == total.repaired_bytes
    assert first.acknowledged_resent == second.acknowledged_resent == 0


def test_content_that_was_checked_is_not_checked_again() -> None:
    """The caller answers for it: what is false then is found by the receiver."""

    class Idle(Node):
        def _answer(self, event: Event, now: float) -> None:
            if not isinstance(event, ChunkWanted):
                super()._answer(event, now)

    world = join(Idle(), Node())
    ground, satellite = world.nodes
    manifest = ground.put("a", noise(10_000), 0.0)
    [chunk_id] = manifest.chunks
    world.run(until=0.05)
    with pytest.raises(IntegrityError):
        ground.endpoint.supply(chunk_id, noise(10_000, 1), world.now)
    with pytest.raises(IntegrityError):
        ground.endpoint.supply(chunk_id, noise(9_999), world.now, checked=True)
    ground.endpoint.supply(chunk_id, noise(10_000, 1), world.now, checked=True)
    world.run(until=0.1)
    assert not satellite.chunks
    assert satellite.endpoint.counters.chunks_corrupt > 0


def test_old_lives_of_the_peer_are_not_heard(world: World) -> None:
    satellite = world.nodes[1]
    endpoint = satellite.endpoint
    new, old = (frames.encode_poll(frames.Poll(epoch, 1, 1, ())) for epoch in (5, 4))
    endpoint.cue(LinkCue(RATE_BPS, True, 0.005, 8192), 0.0)
    endpoint.receive(new, 0.0)
    assert endpoint.transmit(0.0)
    endpoint.receive(old, 0.03)
    assert not endpoint.transmit(0.03)
    assert endpoint.counters.frames_refused == 1


@pytest.mark.parametrize(("asked_by", "sent"), [(1, False), (2, True)])
def test_what_an_earlier_life_was_told_is_no_inventory_for_this_one(asked_by: int, sent: bool) -> None:
    """Tokens begin anew with each life: a report that was long on its way may hold a high one."""
    manifest = Manifest.of("a", noise(5000), 65536)
    holdings = Holdings()
    holdings.know(manifest)
    satellite, ground = Endpoint(holdings, 7), Endpoint(Holdings(), 2)
    for endpoint in (satellite, ground):
        endpoint.cue(LinkCue(RATE_BPS, True, 0.005, 8192), 0.0)
    entry = frames.Entry(manifest.file_id, len(manifest.encoded), 0, 0)
    satellite.receive(frames.encode_poll(frames.Poll(asked_by, 3, 99, (entry,))), 0.0)
    ground.offer(manifest, 0, (), 0.0)
    ground.transmit(0.0)
    for report in satellite.transmit(0.0):
        ground.receive(report, 0.01)
    [wanted] = [event for event in ground.events() if isinstance(event, ChunkWanted)] or [None]
    assert (wanted is not None) == sent


def test_calls_may_come_in_any_order() -> None:
    """Answers to events that never were, or were long ago, change nothing."""
    endpoint = Endpoint(Holdings(), 1)
    manifest = Manifest.of("a", b"content")
    endpoint.supply(manifest.chunks[0], b"content", 0.0)
    endpoint.stored(b"c" * 32, 0.0)
    endpoint.discard(b"c" * 32, 0.0)
    endpoint.verified(b"f" * 32, b"s" * 32, True, 0.0)
    endpoint.withdraw(b"f" * 32, 0.0)
    endpoint.refuse(9, "never asked", 0.0)
    endpoint.cancel(9, 0.0)
    endpoint.offer(manifest, 0, manifest.chunks, 0.0, request=7)
    endpoint.offer(manifest, 0, (), 0.0)
    assert endpoint.transmit(0.0) == []
    assert endpoint.next_wakeup() is None
    endpoint.cue(LinkCue(RATE_BPS, True, 0.005, 8192), 1.0)
    sent = [type(frames.decode(datagram)) for datagram in endpoint.transmit(1.0)]
    assert sent == [frames.Body, frames.Poll]
    endpoint.withdraw(manifest.file_id, 1.0)
    assert endpoint.events() == []
