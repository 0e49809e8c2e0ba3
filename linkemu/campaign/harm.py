"""Harm: what damage on the disk of one node has touched, which is all that it excuses.

Told by bytes alone, as nothing is known of how a node lays out its disk. Damage in the bytes of a chunk
touches that chunk, and the files that it belongs to. Damage elsewhere touches what the damaged file speaks
of: a file by its name or its custody, whose chunks may then be lost too; a chunk by its id. What a node may
do on account of it is judged by the watch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from linkemu.campaign.disk import Damage
from linkemu.campaign.puts import Put

Custodies = Mapping[str, Sequence[str]]  # custody ids of the node, by the names of their files


class Harm:
    """To one node's disk, as a sum of its damages."""

    def __init__(self) -> None:
        self.chunks: set[bytes] = set()  # that were hit, or may be lost with what knew of them
        self.files: set[bytes] = set()  # ids of files of which something was touched
        self.told_of: set[bytes] = set()  # ids of those of which a damaged file spoke by name or custody
        self._hit: set[bytes] = set()  # those of them that were hit, and not stated anew
        self._told: set[bytes] = set()  # those of the files that are told of
        self._books: set[str] = set()  # paths of damaged files that spoke of all custody of the node

    def add(self, damage: Damage, puts: Iterable[Put], custodies: Custodies) -> None:
        """A file was damaged: find out what it held there, or else what it speaks of."""
        puts = list(puts)
        hit = {
            chunk
            for put in puts
            for chunk, data in put.pieces.items()
            if data in damage.before and data not in damage.after
        }
        if hit:
            self._hit |= hit
            self._touch(hit, puts)
            return
        text = str(damage.path).encode() + b"\0" + damage.before
        told = {each for ids in custodies.values() for each in ids if each.encode() in text}
        if all(told.issuperset(each) for each in custodies.values()):
            self._books.add(str(damage.path))
        for put in puts:
            self._read(text, put, not told.isdisjoint(custodies.get(put.manifest.name, ())))

    def _read(self, text: bytes, put: Put, in_custody: bool) -> None:
        """Note what a damaged text says of a file."""
        file_id = put.manifest.file_id
        if in_custody or put.manifest.name.encode() in text:
            self.told_of.add(file_id)
            self._told |= put.pieces.keys()
            self._touch(set(put.pieces), [put])
        else:
            listed = {chunk for chunk in put.pieces if _names(text, chunk)}
            self._hit |= listed
            self._touch(listed, [put])
        if file_id in self.told_of or _names(text, file_id) or _names(text, put.manifest.sha256):
            self.files.add(file_id)

    def _touch(self, chunks: set[bytes], puts: Iterable[Put]) -> None:
        self.chunks |= chunks
        self.files |= {each.manifest.file_id for each in puts if not each.pieces.keys().isdisjoint(chunks)}

    def may_lack(self, chunk: bytes) -> bool:
        """Whether the node may have lost a chunk, and not have it again."""
        return chunk in self._hit or chunk in self._told

    def repaired(self, chunk: bytes) -> None:
        """The node states the chunk anew, and has it: what was hit is excused no more."""
        self._hit.discard(chunk)

    def explains(self, refusal: str) -> bool:
        """Whether a node may end with this word: it names a damaged file in which all its custody stood."""
        return any(path in refusal for path in self._books)


def _names(text: bytes, digest: bytes) -> bool:
    return digest in text or digest.hex().encode() in text
