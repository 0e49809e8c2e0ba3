"""The bus in memory, filters, bounds, and an MQTT bus that never had a broker."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu.errors import InputError
from linkemu.runtime.bus import Inbox, MemoryBus, Note, NullBus, as_bytes, matches
from linkemu.runtime.mqtt import BrokerUrl, MqttBus

# MQTT 3.1.1, section 4.7.1: examples of the standard.
STANDARD = [
    ("sport/tennis/player1/#", "sport/tennis/player1", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
    ("sport/#", "sport", True),
    ("#", "sport", True),
    ("sport/tennis/+", "sport/tennis/player1", True),
    ("sport/tennis/+", "sport/tennis/player1/ranking", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "/finance", False),
]


@pytest.mark.parametrize(("topic_filter", "topic", "expected"), STANDARD)
def test_filters_match_as_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


async def _take(notes: Inbox, count: int) -> list[Note]:
    async with aclosing(notes.notes()) as stream:  # type: ignore[type-var]
        return [await anext(stream) for _ in range(count)]


async def test_an_inbox_that_is_not_read_keeps_the_newest_and_counts_the_rest() -> None:
    inbox = Inbox("#", limit=3)
    for number in range(10):
        inbox.put(Note("t", b"%d" % number))
    assert inbox.dropped == 7
    assert [note.payload for note in await _take(inbox, 3)] == [b"7", b"8", b"9"]


async def test_a_late_subscriber_of_the_memory_bus_gets_what_was_retained_and_then_what_comes() -> None:
    bus = MemoryBus()
    bus.publish("link/state", {"open": True}, retain=True)
    bus.publish("link/telemetry", {"t": 1})
    bus.publish("gone", b"x", retain=True)
    bus.publish("gone", b"", retain=True)
    got: list[Note] = []

    async def read() -> None:
        async for note in bus.subscribe("#"):
            got.append(note)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    bus.publish("link/telemetry", {"t": 2})
    await bus.close()
    await reader
    assert got == [
        Note("link/state", b'{"open":true}', retained=True),
        Note("link/telemetry", b'{"t":2}'),
    ]


async def test_no_bus_takes_everything_and_says_nothing() -> None:
    bus = NullBus()
    bus.publish("a", {"b": 1}, retain=True)
    assert [note async for note in bus.subscribe("#")] == []
    await bus.close()


async def test_without_a_broker_publishing_stays_bounded_and_closing_is_quick() -> None:
    bus = MqttBus(BrokerUrl("127.0.0.1", 1), "nobody", queue_limit=100)
    bus.start()
    for number in range(1000):
        bus.publish("telemetry", {"n": number})
        bus.publish("state", {"n": number}, retain=True)
    assert bus.dropped == 900
    async with asyncio.timeout(3):
        await bus.close()


async def test_a_filter_is_no_topic_to_publish_to() -> None:
    bus = MqttBus(BrokerUrl("127.0.0.1", 1), "nobody")
    for wrong in ("", "a/#", "a/+/b"):
        with pytest.raises(ValueError, match="filter"):
            bus.publish(wrong, b"")


def test_a_payload_that_is_no_json_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_bytes({"margin": float("nan")})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt://localhost", BrokerUrl("localhost", 1883)),
        ("mqtt://h:99/", BrokerUrl("h", 99)),
        ("mqtt://me:a%40b@h:99", BrokerUrl("h", 99, "me", "a@b")),
        ("mqtts://h", BrokerUrl("h", 8883, tls=True)),
        ("mqtt://[::1]:5", BrokerUrl("::1", 5)),
    ],
)
def test_broker_urls(text: str, expected: BrokerUrl) -> None:
    assert BrokerUrl.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "localhost", "http://h", "mqtt://", "mqtt://h:port", "mqtt://h:99999", "mqtt://h/topic"]
)
def test_what_is_no_broker_url_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="broker"):
        BrokerUrl.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_broker_url_or_an_input_error(text: str) -> None:
    try:
        BrokerUrl.parse("mqtt://" + text)
    except InputError as error:
        assert "\n" not in error.problem


def test_an_error_about_a_url_never_repeats_its_password() -> None:
    with pytest.raises(InputError) as raised:
        BrokerUrl.parse("mqtt://me:secret@h:port")
    assert "secret" not in str(raised.value)
