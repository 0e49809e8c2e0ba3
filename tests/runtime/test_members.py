"""Who has joined an emulator: what each is told, and whose word counts."""

from __future__ import annotations

import pytest

from linkemu.contract import Beat, Bye, Hello, NodeEntry, Pulse, SkipAck, SkyTime, TimeAck, Welcome
from linkemu.errors import ContractError
from linkemu.runtime.members import SILENCE_S, Members
from linkemu.runtime.timemap import Piece, TimeMap

GROUND, ORBIT = ("127.0.0.1", 1), ("127.0.0.1", 2)


def members() -> Members:
    entries = (
        NodeEntry("ground", "ground", GROUND, 7, (0,), None),
        NodeEntry("orbit", "satellite", ORBIT, 8, (0,), None),
    )
    return Members(entries, 3, 10**9)


def test_strangers_and_impostors_are_refused() -> None:
    at = members()
    with pytest.raises(ContractError, match="no node's address"):
        at.at(("127.0.0.1", 9), 7)
    with pytest.raises(ContractError, match="wrong token from ground"):
        at.at(GROUND, 8)
    with pytest.raises(ContractError, match="calls itself 'orbit'"):
        at.hear(at.at(GROUND, 7), Hello("orbit"), 0.0)
    assert at.joined() == []


def test_a_node_that_starts_anew_is_told_the_time_anew() -> None:
    at = members()
    ground = at.at(GROUND, 7)
    time = at.set_time(TimeMap((Piece(0, 0),), 5))
    assert isinstance(time, SkyTime)
    assert at.hear(ground, Beat(0, 0, 0), 0.0) == [Bye()], "it has not joined"
    assert at.hear(ground, Hello("ground"), 0.0) == [Welcome(3, 10**9), time]
    at.hear(ground, TimeAck(5), 0.1)
    assert at.hear(ground, Beat(0, 5, 4), 1.0) == [Pulse(3)]
    assert ground.drops == 4
    assert at.hear(ground, Hello("ground"), 2.0) == [Welcome(3, 10**9), time], "it knows nothing any more"
    assert at.expire(2.0 + SILENCE_S) == []
    assert at.expire(2.1 + SILENCE_S) == [ground]
    assert at.joined() == []


def test_time_skips_as_far_as_all_agree_to_this_proposal() -> None:
    at = members()
    ground, orbit = at.all
    at.hear(ground, SkipAck(1, 50), 0.0)
    assert at.agreed_until(1) is None
    at.hear(orbit, SkipAck(1, 40), 0.0)
    assert at.agreed_until(1) == 40
    at.hear(ground, SkipAck(2, 90), 0.0)
    assert at.agreed_until(2) is None, "the other has answered an earlier one"
