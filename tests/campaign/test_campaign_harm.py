"""Harm: damage excuses what it touched, told by bytes alone, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from linkemu.campaign.disk import Damage
from linkemu.campaign.harm import Harm
from linkemu.campaign.puts import Put
from linkemu.rng import Stream
from linkemu.transfer.manifest import Manifest

CHUNK = 512
PUTS = tuple(
    Put(Manifest.of(name, content, CHUNK), content)
    for name, content in (
        (name, bytes(int(256 * each) for each in Stream(1, name).uniform(0, 4 * CHUNK + 100)))
        for name in ("first.bin", "second.bin")
    )
)
ONE, OTHER = PUTS
CUSTODIES = {"first.bin": ["put-1", "get-1"], "second.bin": ["put-2"]}


def harm(path: str, before: bytes, after: bytes | None = None, custodies: object = CUSTODIES) -> Harm:
    done = Harm()
    changed = bytes([before[0] ^ 1]) + before[1:] if after is None else after
    done.add(Damage(Path(path), before, changed), PUTS, custodies)  # type: ignore[arg-type]
    return done


def ids(*puts: Put) -> set[bytes]:
    return {put.manifest.file_id for put in puts}


@settings(max_examples=80, deadline=None)
@given(at=st.integers(0, 4 * CHUNK + 99), bit=st.integers(0, 7), head=st.binary(max_size=40))
def test_damage_in_a_chunk_touches_that_chunk_wherever_it_lies(at: int, bit: int, head: bytes) -> None:
    before = head + ONE.content + OTHER.content
    after = bytearray(before)
    after[len(head) + at] ^= 1 << bit
    done = harm("/n/put-2 second.bin", before, bytes(after))
    assert done.chunks == {ONE.manifest.chunks[at // CHUNK]}
    assert done.files == ids(ONE)
    assert done.told_of == set()
    assert not done.explains("/n/put-2 second.bin: input/output error")


def test_a_chunk_is_excused_until_it_is_stated_anew() -> None:
    first, second = ONE.manifest.chunks[:2]
    done = harm("/n/chunk", ONE.pieces[first])
    assert done.may_lack(first) and not done.may_lack(second)
    done.repaired(first)
    assert not done.may_lack(first)
    assert done.chunks == {first}, "it was touched all the same"


def test_a_manifest_speaks_of_its_file_alone() -> None:
    done = harm("/n/manifests/1", ONE.manifest.encoded)
    assert done.files == done.told_of == ids(ONE)
    assert done.chunks == set(ONE.manifest.chunks)
    assert not done.explains("/n/manifests/1: not a manifest")
    done.repaired(ONE.manifest.chunks[0])
    assert done.may_lack(ONE.manifest.chunks[0]), "the manifest may be dropped later, and its chunks with it"


def test_a_file_of_ids_touches_their_files_and_no_chunk() -> None:
    done = harm("/n/verified", b"LKJ1" + ONE.manifest.file_id.hex().encode(), custodies={})
    assert (done.files, done.told_of, done.chunks) == (ids(ONE), set(), set())


def test_what_is_named_by_a_chunk_touches_that_chunk() -> None:
    chunk = OTHER.manifest.chunks[3]
    done = harm(f"/n/partials/{chunk.hex()}", b"some ranges")
    assert (done.files, done.told_of, done.chunks) == (ids(OTHER), set(), {chunk})


def test_what_speaks_of_nothing_touches_nothing() -> None:
    done = harm("/n/starts", b"3 6dd28e9b")
    assert (done.files, done.told_of, done.chunks) == (set(), set(), set())
    assert not done.explains("/n/starts: not a number")


def test_a_station_may_end_with_the_name_of_its_damaged_journal() -> None:
    done = harm("/n/journal", b"LKJ1 put-1 get-1 put-2")
    assert done.explains("FormatError: /n/journal: not a journal of this version")
    assert not done.explains("ResourceError: /n/other: input/output error")
    assert done.told_of == ids(*PUTS)
    part = harm("/n/journal", b"LKJ1 put-1 get-1")
    assert not part.explains("FormatError: /n/journal: not a journal of this version")
    assert part.told_of == ids(ONE)


def test_a_journal_excuses_nothing_that_is_written_to_it_later() -> None:
    done = harm("/n/journal", b"LKJ1 put-1 get-1", custodies={"first.bin": ["put-1", "get-1"]})
    assert done.told_of == ids(ONE)
