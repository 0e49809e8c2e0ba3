"""The sky file gives back what was saved, has the same bytes each time, and names all damage."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import ResourceError, TimelineError
from linkemu.link import skyfile
from linkemu.link.timeline import Cause, LinkName, LinkTimeline, Sky, constant
from linkemu.machine import Direction


def sky() -> Sky:
    up = constant(
        "koganei",
        "iss",
        Direction.UP,
        155_000_000,
        0.002,
        60.0,
        erased=[(3, 2), (70, 400)],
        dark=[(0.0, 4.0, Cause.ACQUIRING), (20.0, 30.0, Cause.BELOW_MASK)],
    )
    down = constant("koganei", "iss", Direction.DOWN, 1_244_000_000, 0.002, 60.0)
    other = constant("tenerife", "iss", Direction.UP, 155_000_000, 0.003, 60.0)
    return Sky.of(
        up, down, other, header={"seed": 7, "scenario": "# ä\n", "epoch": "2024-05-10T18:50:35+00:00"}
    )


@pytest.fixture(scope="module")
def saved() -> Iterator[bytes]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "a.sky"
        sky().save(path)
        yield path.read_bytes()


def load(data: bytes) -> Sky:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "b.sky"
        path.write_bytes(data)
        return Sky.load(path)


def repacked(data: bytes, change: dict[str, bytes | None], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The file with members replaced, added or (None) removed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(stream, "w", compression) as target:
        members = {name: source.read(name) for name in source.namelist()}
        for name, body in (members | change).items():
            if body is not None:
                target.writestr(name, body)
    return stream.getvalue()


def header_of(data: bytes) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        header: dict[str, object] = json.loads(archive.read("header.json"))
        return header


def npy(array: np.ndarray) -> bytes:
    body = io.BytesIO()
    np.lib.format.write_array(body, array, version=(1, 0))
    return body.getvalue()


def test_a_loaded_sky_equals_the_saved_one(saved: bytes) -> None:
    before, after = sky(), load(saved)
    assert after.header == before.header
    assert after.links == (LinkName("koganei", "iss"), LinkName("tenerife", "iss"))
    assert after.timelines.keys() == before.timelines.keys()
    for key, timeline in before.timelines.items():
        for field in fields(LinkTimeline):
            left, right = getattr(timeline, field.name), getattr(after.timelines[key], field.name)
            np.testing.assert_array_equal(left, right, strict=isinstance(left, np.ndarray))


def test_the_same_sky_gives_the_same_bytes_and_digest(saved: bytes, tmp_path: Path) -> None:
    load(saved).save(tmp_path / "again.sky")
    assert (tmp_path / "again.sky").read_bytes() == saved
    assert load(saved).digest() == sky().digest() == header_of(saved)["digest"]


def test_the_digest_sees_every_array_and_scalar_but_not_the_header() -> None:
    whole = sky()
    seen = {whole.digest()}
    one = whole.timelines[0, Direction.UP]
    for field in fields(LinkTimeline):
        value = getattr(one, field.name)
        if isinstance(value, np.ndarray) and value.size:
            changed = value.copy()
            changed.flat[-1] = not changed.flat[-1] if value.dtype == bool else changed.flat[-1] + 1
        elif isinstance(value, int):
            changed = value + 1
        else:
            continue
        other = replace(one, **{field.name: changed})
        seen.add(replace(whole, timelines={**whole.timelines, (0, Direction.UP): other}).digest())
    assert len(seen) == 1 + 9 + 2  # untouched, arrays that hold anything, scalars
    assert replace(whole, header={}).digest() in seen


def test_it_loads_without_the_physics(saved: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.sky").write_bytes(saved)
    code = (
        "import sys; from pathlib import Path; from linkemu.link.timeline import Sky; "
        f"Sky.load(Path({str(tmp_path / 'a.sky')!r})); "
        "print(sorted(sys.modules.keys() & {'scipy', 'skyfield', 'sgp4', 'pickle.foo', 'asyncio'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_numpy_alone_opens_it(saved: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(saved)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["0/up/rate_bps"].tolist() == [0, 155_000_000, 0, 155_000_000]


@given(st.data())
def test_a_damaged_byte_is_an_error_or_changes_nothing(saved: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(saved) - 1))
    value = data.draw(st.integers(0, 255))
    try:
        survivor = load(saved[:place] + bytes([value]) + saved[place + 1 :])
    except TimelineError:
        return
    assert survivor.digest() == sky().digest()


@given(st.integers(0, 30_000))
def test_a_truncated_file_is_an_error(saved: bytes, length: int) -> None:
    if length < len(saved):
        with pytest.raises(TimelineError, match="not a sky file, or truncated"):
            load(saved[:length])


@given(st.binary(max_size=200))
def test_garbage_is_an_error(garbage: bytes) -> None:
    with pytest.raises(TimelineError):
        load(garbage)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"header.json": None}, "no header.json"),
        ({"header.json": b"[1]"}, "its format is not"),
        ({"header.json": b'{"format":"linkemu-sky","version":2}'}, "version 2, this linkemu reads 1"),
        ({"header.json": b'{"format":"linkemu-sky","version":1}'}, "incomplete"),
        ({"header.json": b"{"}, "truncated or corrupt"),
        ({"0/up/rate_bps.npy": None}, "incomplete"),
        ({"0/up/rate_bps.npy": npy(np.zeros(4))}, "rate_bps is float64 .*, expected int64"),
        ({"0/up/rate_bps.npy": npy(np.zeros(3, np.int64))}, "expected"),
        ({"0/up/rate_bps.npy": npy(np.array([0, 1, 0, 1]))}, "not those whose digest"),
        ({"0/up/rate_bps.npy": npy(np.zeros(4, np.int64))[:-1]}, "array that it announces"),
        ({"0/up/rate_bps.npy": npy(np.array([None] * 4, dtype=object))}, "array that it announces"),
        ({"9/up/rate_bps.npy": npy(np.zeros(4, np.int64))}, "arrays of no timeline"),
    ],
)
def test_a_wrong_member_is_named(saved: bytes, change: dict[str, bytes | None], problem: str) -> None:
    with pytest.raises(TimelineError, match=problem) as caught:
        load(repacked(saved, change))
    assert "\n" not in str(caught.value)


FLAT = "{'descr': '<i8', 'fortran_order': False, 'shape': (4,), }"


def with_header(header: bytes) -> bytes:
    """An npy member of four int64, whatever it says of itself."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(32)


@pytest.mark.parametrize(
    "header",
    [
        *("", "(", "{{}}", "{[]: 1}", "  1\n 2", "'" * 3, "-" * 9000 + "1", FLAT),  # no line end
        FLAT.replace("'<i8'", "()") + "\n",
        FLAT.replace("'<i8'", "('<i8',)") + "\n",
        FLAT.replace("'<i8'", "'<i3'") + "\n",
        FLAT.replace("(4,)", "(4L,)") + "\n",  # as Python 2 wrote it
        FLAT.replace("(4,)", "(-2, -2)") + "\n",
        FLAT.replace("(4,)", f"({10**17}, {10**17})") + "\n",
        FLAT.replace("False", "True") + "\n",
    ],
)
@pytest.mark.filterwarnings("error")
def test_an_array_header_that_numpy_stumbles_over_is_an_error(saved: bytes, header: str) -> None:
    body = with_header(header.encode())
    with pytest.raises(TimelineError, match="doesn't hold the array that it announces"):
        load(repacked(saved, {"0/up/rate_bps.npy": body}))


@given(st.integers(0, len(FLAT)), st.integers(0, 3), st.text("()[]{}'\",:\\#<>fiO019- L\n", max_size=4))
def test_a_damaged_array_header_is_an_error(saved: bytes, place: int, cut: int, put: str) -> None:
    header = FLAT[:place] + put + FLAT[place + cut :] + "\n"
    try:
        load(repacked(saved, {"0/up/rate_bps.npy": with_header(header.encode())}))
    except TimelineError:
        return
    raise AssertionError("zeros passed as the rates that were saved")


@pytest.mark.parametrize(
    ("flags", "problem"),
    [(0x1, "encrypted"), (0x20, "truncated or corrupt")],  # APPNOTE.TXT 4.4.4; bit 5: patched data
)
def test_flags_of_members_that_are_not_read(saved: bytes, flags: int, problem: str) -> None:
    central = saved.index(b"PK\x01\x02")  # of the first member
    flagged = saved[: central + 8] + flags.to_bytes(2, "little") + saved[central + 10 :]
    with pytest.raises(TimelineError, match=problem):
        load(flagged)


def test_an_array_header_is_read_as_numpy_reads_it(tmp_path: Path) -> None:
    arrays = [np.zeros(0, np.int64), np.zeros((0, 2)), np.arange(6, dtype=np.int32).reshape(3, 2)]
    arrays += [np.array([True, False]), np.arange(5, dtype=np.uint8), np.linspace(0.0, 1.0, 9)]
    (tmp_path / "sky").write_bytes(skyfile.pack({}, {str(i): array for i, array in enumerate(arrays)}))
    _, found = skyfile.unpack(tmp_path / "sky")
    for i, array in enumerate(arrays):
        assert found[str(i)].dtype == array.dtype
        np.testing.assert_array_equal(found[str(i)], array, strict=True)


def test_compressed_members_are_refused(saved: bytes) -> None:
    with pytest.raises(TimelineError, match="compressed"):
        load(repacked(saved, {}, zipfile.ZIP_DEFLATED))


def test_a_link_number_out_of_range_is_refused(saved: bytes) -> None:
    header = header_of(saved)
    header["links"] = [["koganei", "iss"]]
    with pytest.raises(TimelineError, match="there are 1 links"):
        load(repacked(saved, {"header.json": json.dumps(header).encode()}))


def test_missing_and_unwritable_files(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match="No such file"):
        Sky.load(tmp_path / "none.sky")
    with pytest.raises(ResourceError):
        sky().save(tmp_path / "none" / "a.sky")


def test_canonical_bytes_ignore_byte_order() -> None:
    values = np.arange(4, dtype=np.int64)
    assert skyfile.digest({}, {"a": values}) == skyfile.digest({}, {"a": values.astype(">i8")})
    assert skyfile.pack({}, {"a": values}) == skyfile.pack({}, {"a": values.astype(">i8")})


def test_timelines_come_in_one_order_however_a_sky_was_made(tmp_path: Path) -> None:
    """A Player goes through them in this order, so that a loaded sky plays as the one that was saved."""
    made = sky()
    backwards = Sky(made.header, made.links, dict(reversed(made.timelines.items())))
    made.save(tmp_path / "sky")
    orders = [list(each.timelines) for each in (made, backwards, Sky.load(tmp_path / "sky"))]
    assert orders == [[(0, Direction.UP), (0, Direction.DOWN), (1, Direction.UP)]] * 3


def test_a_kept_file_is_written_byte_for_byte_again(tmp_path: Path) -> None:
    """Whoever keeps skies by their bytes finds them again; it also pins the format of version 1."""
    kept = Path(__file__).parents[1] / "reference" / "demo.sky"
    Sky.load(kept).save(tmp_path / "again.sky")
    assert (tmp_path / "again.sky").read_bytes() == kept.read_bytes()
