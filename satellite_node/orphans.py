"""Orphans: chunks that no file needs, as a crash between the two steps of a drop leaves them.

They are removed at the start, before there is light, some of them each time. Not while the catalogue lacks
something that a lost record or a damaged manifest may have known: then no chunk is an orphan for sure.
"""

from __future__ import annotations

from satellite_node.catalogue import Catalogue
from satellite_node.store import ChunkStore

MOST = 4096  # chunks in one start


async def collect(store: ChunkStore, catalogue: Catalogue) -> int:
    """Remove orphans from the store; how many. After ResourceError, or a crash, the next start goes on."""
    if catalogue.lacks:
        return 0
    orphans = sorted(chunk for chunk in store.ids if not catalogue.needs(chunk))[:MOST]
    if orphans:
        await store.remove(orphans)
    return len(orphans)
