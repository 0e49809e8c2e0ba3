"""Manifests: cutting, canonical encoding, and refusal of what is none."""

from __future__ import annotations

import hashlib

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import FormatError
from linkemu.transfer.manifest import MAX_CHUNK_BYTES, MAX_NAME_BYTES, Builder, Manifest, chunk_id_of


@given(st.binary(max_size=500), st.integers(1, 60), st.lists(st.integers(0, 100), max_size=20))
def test_cutting_does_not_depend_on_how_the_bytes_come(
    content: bytes, chunk_bytes: int, pieces: list[int]
) -> None:
    builder, at = Builder("name", chunk_bytes), 0
    for piece in pieces:
        builder.add(content[at : at + piece])
        at += piece
    builder.add(content[at:])
    manifest = builder.finish()
    assert manifest == Manifest.of("name", content, chunk_bytes)
    assert manifest.sha256 == hashlib.sha256(content).digest()
    assert sum(manifest.length(index) for index in range(len(manifest.chunks))) == len(content)
    for index, chunk_id in enumerate(manifest.chunks):
        start = manifest.offset(index)
        assert chunk_id == blake3(content[start : start + manifest.length(index)]).digest()


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=100), st.binary(max_size=300))
def test_the_encoding_comes_back_and_names_the_file(name: str, content: bytes) -> None:
    manifest = Manifest.of(name, content, 64)
    again = Manifest.decode(manifest.encoded)
    assert again == manifest
    assert again.file_id == manifest.file_id == chunk_id_of(manifest.encoded)


def test_name_content_and_cutting_each_change_the_file_id() -> None:
    ids = {
        Manifest.of(name, content, size).file_id
        for name, content, size in [
            ("a", b"x" * 9, 4),
            ("b", b"x" * 9, 4),
            ("a", b"y" * 9, 4),
            ("a", b"x" * 9, 5),
        ]
    }
    assert len(ids) == 4


@given(st.data())
def test_any_change_of_the_bytes_is_another_manifest_or_a_format_error(data: st.DataObject) -> None:
    encoded = Manifest.of("name", b"content" * 20, 64).encoded
    at = data.draw(st.integers(0, len(encoded) - 1))
    changed = encoded[:at] + bytes([encoded[at] ^ data.draw(st.integers(1, 255))]) + encoded[at + 1 :]
    for candidate in (changed, encoded[:at], encoded + b"x"):
        try:
            manifest = Manifest.decode(candidate)
        except FormatError:
            continue
        assert manifest.encoded == candidate, "two encodings of one manifest"


@given(st.binary(max_size=200))
def test_any_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(FormatError):
        Manifest.decode(data)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (("", 0, b"s" * 32, 10, ()), "name"),
        (("n" * 1025, 0, b"s" * 32, 10, ()), "name"),
        (("n", 11, b"s" * 32, 10, (b"i" * 32,)), "1 chunks don't make 11 bytes"),
        (("n", 10, b"s" * 31, 10, (b"i" * 32,)), "32 bytes"),
        (("n", 10, b"s" * 32, 10, (b"i" * 31,)), "32 bytes"),
        (("n", 10, b"s" * 32, 0, ()), "chunks of 0 bytes"),
    ],
)
def test_an_inconsistent_manifest_is_refused(
    fields: tuple[str, int, bytes, int, tuple[bytes, ...]], problem: str
) -> None:
    with pytest.raises(FormatError, match=problem):
        Manifest(*fields)


def test_the_longest_name_and_the_largest_chunk_are_taken() -> None:
    manifest = Manifest("n" * MAX_NAME_BYTES, 10, b"s" * 32, MAX_CHUNK_BYTES, (b"i" * 32,))
    assert Manifest.decode(manifest.encoded) == manifest
