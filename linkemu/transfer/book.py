"""The Book of a Sender: files on offer, the chunks they share, what is acknowledged and what is next.

Bookkeeping only: no frames, no events, no time. A chunk id may belong to several files and is under way once.
"""

from __future__ import annotations

from linkemu.transfer.manifest import Manifest
from linkemu.transfer.offer import Offer
from linkemu.transfer.outgoing import Outgoing

_OFFERS_AT_ONCE = 64  # files named in polls and sent from; the others wait


class Book:
    """``active`` are the offers in turn, by priority and age; ``under_way`` the chunks begun, by id.

    ``moving`` are those of them that the peer doesn't hold whole: all that can have something to send.
    """

    def __init__(self) -> None:
        self.active: list[Offer] = []
        self.acknowledged: set[bytes] = set()
        self.under_way: dict[bytes, Outgoing] = {}
        self.moving: dict[bytes, Outgoing] = {}
        self._offers: dict[bytes, Offer] = {}
        self._places: dict[bytes, list[Offer]] = {}
        self._offers_made = 0
        self._turns = 0

    def get(self, file_id: bytes) -> Offer | None:
        return self._offers.get(file_id)

    def offers(self) -> list[Offer]:
        return list(self._offers.values())

    def places(self, chunk_id: bytes) -> list[Offer]:
        """The offers to which a chunk belongs."""
        return self._places.get(chunk_id, [])

    def add(self, manifest: Manifest, priority: int) -> Offer:
        """Take up a file, or give its offer if it has one."""
        known = self._offers.get(manifest.file_id)
        if known is not None:
            return known
        self._offers_made += 1
        offer = self._offers[manifest.file_id] = Offer(manifest, priority, self._offers_made)
        for chunk_id, index in offer.index_of.items():
            self._places.setdefault(chunk_id, []).append(offer)
            if chunk_id in self.moving:
                offer.moving[index] = self.moving[chunk_id]
            if chunk_id in self.acknowledged:
                offer.note(chunk_id)
        self._rank()
        return offer

    def remove(self, offer: Offer) -> list[Outgoing]:
        """Strike an offer; the chunks under way that no other offer wants any more."""
        del self._offers[offer.file_id]
        self._rank()
        orphans = []
        for chunk_id in offer.index_of:
            places = self._places[chunk_id]
            places.remove(offer)
            if not places:
                del self._places[chunk_id]
                self.moving.pop(chunk_id, None)
                if chunk_id in self.under_way:
                    orphans.append(self.under_way.pop(chunk_id))
        return orphans

    def open(self, offer: Offer, index: int) -> Outgoing:
        """Begin a chunk; its offer has had its turn."""
        self._turns += 1
        offer.turn = self._turns
        outgoing = offer.open(index)
        self.under_way[outgoing.chunk_id] = outgoing
        if outgoing.unsent.size:
            self.move(outgoing)
        return outgoing

    def move(self, outgoing: Outgoing) -> None:
        """The peer doesn't hold all of a chunk that is under way (any more)."""
        chunk_id = outgoing.chunk_id
        self.moving[chunk_id] = outgoing
        for place in self._places[chunk_id]:
            place.moving[place.index_of[chunk_id]] = outgoing

    def rest(self, outgoing: Outgoing) -> None:
        """The peer holds all of a chunk: nothing more to do until it is durable."""
        chunk_id = outgoing.chunk_id
        self.moving.pop(chunk_id, None)
        for place in self._places[chunk_id]:
            place.moving.pop(place.index_of[chunk_id], None)

    def acknowledge(self, chunk_id: bytes) -> Outgoing | None:
        """Note a chunk as the peer's; what was under way of it."""
        self.acknowledged.add(chunk_id)
        for offer in self.places(chunk_id):
            offer.note(chunk_id)
        self.moving.pop(chunk_id, None)
        return self.under_way.pop(chunk_id, None)

    def lose(self, chunk_id: bytes) -> None:
        """The peer has lost a chunk that it had acknowledged."""
        self.acknowledged.remove(chunk_id)
        for offer in self.places(chunk_id):
            offer.reopen(chunk_id)

    def next(self) -> tuple[Offer, int] | None:
        """The chunk to begin next: of the most urgent offers, the one that waited longest."""
        best: tuple[int, int, int] | None = None
        found: tuple[Offer, int] | None = None
        for offer in self.active:
            rank = (offer.priority, offer.turn, offer.order)
            if not offer.informed or (best is not None and rank > best):
                continue
            index = offer.next_index(self.acknowledged, self.under_way)
            if index is not None:
                best, found = rank, (offer, index)
        return found

    def waiting_bytes(self, priority: int) -> int:
        """Bytes begun and not yet sent, of this priority and more urgent ones."""
        waiting = 0
        for outgoing in self.moving.values():
            if outgoing.priority <= priority:
                waiting += outgoing.unsent.size
        return waiting

    def _rank(self) -> None:
        ranked = sorted(self._offers.values(), key=lambda offer: (offer.priority, offer.order))
        self.active = ranked[:_OFFERS_AT_ONCE]
