"""A World: two nodes' Endpoints over two Channels, driven in virtual time, one event at a time. No asyncio.

A Node here does what any node does with the events of an Endpoint, in memory: it supplies, stores, journals
and verifies. ``spoil`` is the door for mischief: it sees each delivered datagram and gives those to deliver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from linkemu.link.channel import Channel
from linkemu.link.timeline import LinkTimeline
from linkemu.transfer import events
from linkemu.transfer.endpoint import Endpoint, Settings
from linkemu.transfer.holdings import Holdings
from linkemu.transfer.manifest import Manifest
from linkemu.transfer.pacing import DARK, LinkCue, frame_bytes_for

Spoil = Callable[[bytes], Iterable[bytes]]


def _whole(datagram: bytes) -> Iterable[bytes]:
    return (datagram,)


class Node:
    """Disk (``chunks``, ``files``), journal (``acknowledged``), an Endpoint; ``restart`` keeps the former."""

    def __init__(self, settings: Settings | None = None, holdings: Holdings | None = None) -> None:
        self.settings = settings
        self.contents: dict[bytes, bytes] = {}  # by file id, to send
        self.offers: dict[bytes, tuple[Manifest, int]] = {}
        self.catalogue: dict[str, Manifest] = {}  # by name, to serve
        self.acknowledged: set[bytes] = set()
        self.chunks: dict[bytes, bytes] = {}
        self.manifests: dict[bytes, Manifest] = {}
        self.files: dict[str, bytes] = {}
        self.log: list[events.Event] = []
        self.starts = 0
        self.store_chunks = True
        self.holdings = holdings or Holdings()
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self.endpoint = Endpoint(self.holdings, self.starts, self.settings)

    def restart(self, now: float, partials: Iterable[bytes] = ()) -> None:
        """Die and come back with what is on disk; ``partials`` as exported before."""
        self.holdings = Holdings()
        for manifest in self.manifests.values():
            self.holdings.know(manifest)
        for chunk_id in self.chunks:
            self.holdings.stored(chunk_id)
        for data in partials:
            self.holdings.load(data)
        self._start()
        for manifest, priority in self.offers.values():
            self.endpoint.offer(manifest, priority, self.acknowledged, now)

    def put(
        self, name: str, content: bytes, now: float, priority: int = 0, chunk_bytes: int = 65536
    ) -> Manifest:
        manifest = Manifest.of(name, content, chunk_bytes)
        self.contents[manifest.file_id] = content
        self.offers[manifest.file_id] = (manifest, priority)
        self.endpoint.offer(manifest, priority, self.acknowledged, now)
        return manifest

    def handle(self, now: float) -> None:
        while taken := self.endpoint.events():
            self.log += taken
            for event in taken:
                self._answer(event, now)

    def told(self, kind: type[events.Event]) -> list[events.Event]:
        return [event for event in self.log if isinstance(event, kind)]

    def _answer(self, event: events.Event, now: float) -> None:
        match event:
            case events.ChunkWanted(file_id, _, chunk_id, offset, length):
                self.endpoint.supply(chunk_id, self.contents[file_id][offset : offset + length], now)
            case events.ChunkAcknowledged(chunk_id, _):
                self.acknowledged.add(chunk_id)
            case events.ChunkLost(chunk_id, _):
                self.acknowledged.remove(chunk_id)
            case events.FileVerified(file_id, _) | events.FileRefused(file_id, _):
                self.offers.pop(file_id, None)
            case events.ChunkReceived(chunk_id, data) if self.store_chunks:
                self.chunks[chunk_id] = bytes(data)
                self.endpoint.stored(chunk_id, now)
            case events.FileOffered(manifest, file_id, _, _):
                self.manifests[file_id] = manifest
            case events.FileComplete(file_id):
                self._read_back(self.manifests[file_id], now)
            case events.FileRequested(request, name, _, priority):
                wanted = self.catalogue.get(name or "")
                if wanted is None:
                    self.endpoint.refuse(request, f"no file {name}", now)
                else:
                    self.endpoint.offer(wanted, priority, self.acknowledged, now, request)

    def _read_back(self, manifest: Manifest, now: float) -> None:
        content = b"".join(self.chunks[chunk_id] for chunk_id in manifest.chunks)
        sha256 = hashlib.sha256(content).digest()
        self.files[manifest.name] = content
        self.endpoint.verified(manifest.file_id, sha256, sha256 == manifest.sha256, now)


class World:
    """``up`` carries the ground's frames to the satellite, ``down`` the other way."""

    def __init__(self, ground: Node, satellite: Node, up: LinkTimeline, down: LinkTimeline) -> None:
        self.now = 0.0
        self.nodes = (ground, satellite)
        self.channels = (Channel(up), Channel(down))  # by the node that sends
        self.spoil: list[Spoil] = [_whole, _whole]  # by the node that sends
        self.sensed = [DARK, DARK]
        self.frames = [0, 0]

    def run(self, until: float, done: Callable[[], bool] | None = None) -> None:
        """Play up to a time, or until ``done``."""
        while True:
            self._turn()
            if done is not None and done():
                return
            following = self._next()
            if following is None or following > until:
                self.now = until
                return
            self.now = max(self.now, following)

    def settle(self, until: float = 600.0) -> None:
        """Play until nobody has an offer open any more."""
        self.run(until, done=lambda: not (self.nodes[0].offers or self.nodes[1].offers))
        assert not self.nodes[0].offers and not self.nodes[1].offers, f"open offers at {self.now} s"

    def _turn(self) -> None:
        for side, node in enumerate(self.nodes):
            self._sense(side)
            for datagram in self.channels[1 - side].transmit(self.now):
                for delivered in self.spoil[1 - side](datagram):
                    node.endpoint.receive(delivered, self.now)
                    node.handle(self.now)
            node.handle(self.now)
            self._send(side)

    def _send(self, side: int) -> None:
        node = self.nodes[side]
        for datagram in node.endpoint.transmit(self.now):
            self.frames[side] += 1
            self.channels[side].receive(datagram, self.now)
        node.handle(self.now)

    def _sense(self, side: int) -> None:
        """The terminal tells its node what the timeline says, at once (acquisition is not played here)."""
        channel = self.channels[side]
        now_ns = round(self.now * 1e9)
        rate = channel.capacity.rate(now_ns)
        cue = LinkCue(rate, rate > 0, channel.delay(now_ns) / 1e9, frame_bytes_for(rate)) if rate else DARK
        if cue != self.sensed[side]:
            self.sensed[side] = cue
            self.nodes[side].endpoint.cue(cue, self.now)

    def _next(self) -> float | None:
        times = [node.endpoint.next_wakeup() for node in self.nodes]
        times += [channel.next_wakeup() for channel in self.channels]
        edges = [channel.capacity.next_edge(round(self.now * 1e9)) for channel in self.channels]
        times += [edge / 1e9 for edge in edges if edge is not None]
        return min((time for time in times if time is not None), default=None)
