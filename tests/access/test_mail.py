"""Mail: what lies end to end is what came, and only neighbours that aren't lost leave together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from linkemu.access.intake import HEAD_BYTES, Catch
from linkemu.access.mail import Mail, Trays


def mail(*sizes: int, trays: Trays | None = None) -> Mail:
    """Datagrams of these sizes of one client; each is of its own number's bytes."""
    heads, tails = np.zeros((len(sizes), HEAD_BYTES), np.uint8), np.zeros((len(sizes), 65536), np.uint8)
    for number in range(len(sizes)):
        heads[number] = tails[number] = number + 1
    names, stamps_ns = np.zeros((len(sizes), 28), np.uint8), np.zeros(len(sizes), np.int64)
    client: Any = object()
    catch = Catch(heads, tails, np.array(sizes), None, stamps_ns, names, None)
    return Mail(catch, [client], trays or Trays())


@pytest.mark.parametrize("size", [1, HEAD_BYTES, HEAD_BYTES + 1, 9000])
def test_datagrams_lie_end_to_end(size: int) -> None:
    assert bytes(mail(size, size).bytes_of(0, 2)) == b"\1" * size + b"\2" * size


def test_a_run_ends_where_one_is_lost_and_where_the_size_changes() -> None:
    rows = np.arange(5)
    lost = np.array([False, False, True, False, False])
    assert mail(9, 9, 9, 9, 9).runs(rows, None) == [(0, 5)]
    assert mail(9, 9, 9, 9, 9).runs(rows, lost) == [(0, 2), (3, 2)]
    assert mail(9, 9, 9, 9, 8).runs(rows, lost) == [(0, 2), (3, 1), (4, 1)]
    assert mail(9, 9, 9).runs(np.array([0, 2]), None) == [(0, 1), (2, 1)]
    assert mail(9).runs(np.arange(1), np.array([True])) == []


def test_a_tray_is_used_again_once_all_of_it_has_gone() -> None:
    trays = Trays()
    much = [60_000] * 12  # more than half a tray
    first, second = mail(*much, trays=trays), mail(*much, trays=trays)
    assert first.tray is not second.tray
    first.gone(11)
    assert mail(*much, trays=trays).tray is not first.tray, "one is still to come out"
    first.gone(1)
    assert mail(*much, trays=trays).tray is first.tray


def test_mail_that_shares_a_tray_is_not_written_over() -> None:
    trays = Trays()
    first, second = mail(10, trays=trays), mail(10, trays=trays)
    assert first.tray is second.tray
    first.gone(1)
    mail(10, 10, trays=trays)
    assert bytes(second.bytes_of(0, 1)) == b"\1" * 10
