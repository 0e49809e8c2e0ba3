"""Both nodes as shipped note a chunk that comes again, so that a resend shows on the receiving side too."""

from __future__ import annotations

from tests.transfer.conftest import payload_ranges
from tests.two_nodes import CHUNK_BYTES, World, transfer

SIZE = 3 * CHUNK_BYTES


def tap(world: World, node: str) -> list[bytes]:
    """What a node hands to its terminal from here on."""
    terminal = world.emulator.terminal(node)
    sent: list[bytes] = []
    send = terminal.send

    def recorded(link: int, datagram: bytes) -> None:
        sent.append(datagram)
        send(link, datagram)

    terminal.send = recorded  # type: ignore[method-assign]
    return sent


def test_a_chunk_that_comes_again_is_in_the_trace_and_in_the_books_of_a_get() -> None:
    world = World(work=(transfer(0.5, "put", "a", SIZE), transfer(3.0, "get", "a")))

    async def story(world: World) -> None:
        up, down = tap(world, "ground"), tap(world, "iss")
        assert (await world.ended("a", by=3.0)).sent_bytes == SIZE
        world.told.clear()
        get = await world.ended("a", by=6.0)
        assert (get.action, get.sent_bytes, get.repaired_bytes, get.resent_chunks) == ("get", SIZE, 0, 0)
        assert not world.events("again")
        for node, sent in (("ground", up), ("iss", down)):
            piece = next(datagram for datagram in list(sent) if payload_ranges(datagram))
            for _ in range(2):
                world.emulator.terminal(node).send(0, piece)
        await world.until(world.clock.now() + 0.1)

    world.play(story)
    notes = world.events("again")
    assert len(notes) == 2
    (chunk,) = {datagram.split('"chunk":"')[1][:16] for datagram in notes}
    assert any(f'"chunk":"{chunk}"' in line for line in world.events("stored"))
    assert {"ground", "iss"} == {node for node in ("ground", "iss") for line in notes if f'"{node}"' in line}
