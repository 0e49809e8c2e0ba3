"""The short trials of the doctor: what a socket is granted, how late timers are, what loopback carries.

Each returns a figure and leaves nothing changed. Loopback without any emulation bounds what a mode can reach.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import sys
import threading
import time

DATAGRAM_BYTES = 1200
_SO_RCVBUFFORCE = 33  # linux/socket.h
_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30  # linux/prctl.h
_SLACK_NS = 1_000
_FIFO_PRIORITY = 10
_TIMERS, _TIMER_S = 200, 1e-3
_TRIAL_S = 0.3
_PIECE = bytes(1 << 18)


def receive_buffer_bytes(wanted: int) -> int:
    """What the kernel grants of a receive buffer of ``wanted`` bytes, as it counts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted // 2)
        except OSError:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted // 2)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def fifo_is_granted() -> bool:
    """Whether this user may have SCHED_FIFO; tried on a thread that ends at once."""
    answer: list[bool] = []

    def ask() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_FIFO_PRIORITY))
        except (OSError, AttributeError):
            answer.append(False)
        else:
            answer.append(True)

    trial = threading.Thread(target=ask, name="fifo trial")
    trial.start()
    trial.join()
    return answer[0]


def timer_lateness_s() -> tuple[float, float]:
    """How late a wait of 1 ms ends: (p50, p99), with the timer slack that the data planes ask for."""
    lateness: list[float] = []

    def wait() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _SLACK_NS, 0, 0, 0)  # of this thread alone
        for _ in range(_TIMERS):
            due = time.perf_counter() + _TIMER_S
            select.select([], [], [], _TIMER_S)
            lateness.append(time.perf_counter() - due)

    trial = threading.Thread(target=wait, name="timer trial")
    trial.start()
    trial.join()
    lateness.sort()
    return lateness[_TIMERS // 2], lateness[_TIMERS * 99 // 100]


def tcp_rate_bps() -> float:
    """What one connection over loopback carries from this process to itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
    pushing = threading.Thread(target=_push, args=(sender,), name="tcp trial")
    with receiver:
        began = time.perf_counter()
        pushing.start()
        buffer, total = bytearray(len(_PIECE)), 0
        while taken := receiver.recv_into(buffer):
            total += taken
        took_s = time.perf_counter() - began
    pushing.join()
    return total * 8 / took_s


def _push(sender: socket.socket) -> None:
    end = time.perf_counter() + _TRIAL_S
    with sender:
        while time.perf_counter() < end:
            sender.sendall(_PIECE)


def udp_rate_pps() -> float:
    """Datagrams a second that one thread can send to itself and read again, one call each."""
    datagram, buffer, count = bytes(DATAGRAM_BYTES), bytearray(2048), 0
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(1.0)
        sender.connect(receiver.getsockname())
        began = time.perf_counter()
        while (took_s := time.perf_counter() - began) < _TRIAL_S:
            for _ in range(16):
                sender.send(datagram)
            for _ in range(16):
                receiver.recv_into(buffer)
            count += 16
    return count / took_s
