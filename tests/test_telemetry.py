"""Messages of the bus: what is written is read back, what is foreign is refused in one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkemu import telemetry
from linkemu.errors import FormatError
from linkemu.runtime.bus import matches

names = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
seconds = st.floats(0, 1e7, allow_nan=False)
maybe = st.none() | seconds
counts = st.integers(0, 2**53)

beams = st.builds(
    telemetry.Beam,
    state=st.sampled_from(["dark", "acquiring", "open", "blocked"]),
    cause=st.none() | st.sampled_from(["cloud", "below_mask"]),
    known=st.booleans(),
    rate_bps=counts,
    delay_s=maybe,
    power_dBm=maybe,
    margin_dB=maybe,
    sent_bytes=counts,
    queue_bytes=counts,
)
messages = st.one_of(
    st.builds(
        telemetry.Session,
        scenario=names,
        state=st.sampled_from(["starting", "running"]),
        epoch=names,
        duration_s=seconds,
        rate=seconds,
        pid=counts,
        restarts=st.dictionaries(names, counts, max_size=3),
    ),
    st.builds(telemetry.ClockState, seconds, seconds, seconds, seconds, seconds),
    st.builds(
        telemetry.NodeStatus,
        names,
        st.sampled_from(["ground", "emulator"]),
        st.sampled_from(["up", "lost"]),
        counts,
        maybe,
    ),
    st.builds(telemetry.LinkState, names, names, seconds, beams, beams),
    st.builds(
        telemetry.LinkTelemetry, names, names, seconds, maybe, maybe, maybe, maybe, beams, beams, maybe, maybe
    ),
    st.builds(
        telemetry.TransferState,
        node=names,
        id=names,
        action=st.sampled_from(["put", "get"]),
        name=names,
        satellite=names,
        state=st.sampled_from(["spooled", "in orbit", "verified", "failed"]),
        at_s=seconds,
        size_bytes=st.none() | counts,
        done_bytes=counts,
        times=st.dictionaries(st.sampled_from(["spooled", "sending"]), seconds),
        problem=st.none() | names,
    ),
)


@given(messages, names)
def test_what_is_published_is_read_back_by_its_topic(message: telemetry.Message, scenario: str) -> None:
    topic = message.topic(scenario)
    assert telemetry.read(topic, message.payload()) == message
    assert matches(telemetry.everything(scenario), topic)
    assert not {"+", "#", "\0"} & set(topic)


@given(messages)
def test_a_reader_ignores_keys_that_it_does_not_know(message: telemetry.Message) -> None:
    newer = {**json.loads(message.payload()), "of a later version": [1, 2]}
    assert type(message).read(json.dumps(newer).encode()) == message


@given(messages, st.data())
def test_a_missing_or_mutilated_payload_is_one_line_and_never_another_error(
    message: telemetry.Message, data: st.DataObject
) -> None:
    payload = message.payload()
    cut = data.draw(st.integers(1, len(payload) - 1))
    with pytest.raises(FormatError) as raised:
        telemetry.read(message.topic("s"), payload[:cut])
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=60))
def test_garbage_is_a_format_error(payload: bytes) -> None:
    topic = telemetry.topic("s", "clock")
    if payload:
        with pytest.raises(FormatError):
            telemetry.read(topic, payload)
    else:
        assert telemetry.read(topic, payload) is None


@given(st.text(max_size=40))
def test_topics_of_others_are_not_ours(topic: str) -> None:
    assert telemetry.read(topic, b"{}") is None


def test_what_has_no_number_becomes_null() -> None:
    beam = telemetry.Beam("dark", "below_mask", True, 0, None, None, float("nan"))
    state = telemetry.LinkState("a", "b", 1.0, beam, beam)
    assert json.loads(state.payload())["up"]["margin_dB"] is None
    read = telemetry.LinkState.read(state.payload())
    assert read.up.margin_dB is None


def test_names_with_slashes_and_wildcards_stay_one_level() -> None:
    status = telemetry.NodeStatus("a/b#+", "ground", "up", 1)
    assert status.topic("x/y").count("/") == 4
    assert telemetry.read(status.topic("x/y"), status.payload()) == status
