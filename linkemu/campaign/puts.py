"""What was put: the files of a scenario's transfers, their bytes made anew from it, and their chunks.

Pure; the nodes are not asked. A file that two stations put is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from linkemu.scenario import Scenario, Transfer
from linkemu.scenario.content import synthetic
from linkemu.transfer.manifest import Manifest


@dataclass(frozen=True)
class Put:
    """A file that stations put."""

    manifest: Manifest
    content: bytes

    @cached_property
    def pieces(self) -> dict[bytes, bytes]:
        """Its chunks by id."""
        manifest = self.manifest
        starts = ((index, manifest.offset(index)) for index in range(len(manifest.chunks)))
        return {
            manifest.chunks[index]: self.content[start : start + manifest.length(index)]
            for index, start in starts
        }


class Puts:
    """All files that are put in a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.by_id: dict[bytes, Put] = {}
        self._named: dict[tuple[str, str], dict[str, Put]] = {}  # by satellite and name, by SHA-256
        for transfer in scenario.transfers:
            if transfer.action == "put":
                self._know(transfer, content_of(scenario, transfer), scenario.transfer.chunk_bytes)

    def named(self, satellite: str, name: str) -> dict[str, Put]:
        """What is put under a name, by SHA-256."""
        return self._named.get((satellite, name), {})

    def ids(self, satellite: str, name: str) -> set[bytes]:
        """Ids of the files that are put under a name."""
        return {put.manifest.file_id for put in self.named(satellite, name).values()}

    def _know(self, transfer: Transfer, content: bytes, chunk_bytes: int) -> None:
        manifest = Manifest.of(transfer.name, content, chunk_bytes)
        put = self.by_id.setdefault(manifest.file_id, Put(manifest, content))
        digest = sha256(content).hexdigest()
        self._named.setdefault((transfer.satellite, transfer.name), {})[digest] = put


def content_of(scenario: Scenario, put: Transfer) -> bytes:
    """The bytes that a scripted put takes up."""
    if put.file is not None:
        return put.file.read_bytes()
    return synthetic(scenario.seed, put.name, 0, put.size_bytes or 0)
