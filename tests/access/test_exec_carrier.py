"""Which carrier ``exec`` takes, and that the packet socket's stamps are those of the kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from exec_world import refusal
from test_exec_lifetime import be_somebody

pytestmark = pytest.mark.acceptance


def said(code: str, become: Callable[[], None] | None = None) -> Any:
    """What a process of its own prints as JSON of its variable ``answer``."""
    program = f"import json\n{code}\nprint(json.dumps(answer))"
    done = subprocess.run(
        (sys.executable, "-c", program), preexec_fn=become, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("become", [None, be_somebody], ids=["as we are", "as somebody else"])
def test_the_exact_carrier_is_taken_where_bursts_have_room(
    networks: None, become: Callable[[], None] | None
) -> None:
    answer = said(
        """
from linkemu.access import packet
from linkemu.access.exec_order import Order
from linkemu.access.exec_run import attempt
from linkemu.errors import ResourceError
answer = dict(room=packet.has_room(), taken=attempt(Order(command=())).carrier)
for carrier in ("tun", "packet"):
    try:
        attempt(Order(command=(), carrier=carrier))
        answer[carrier] = True
    except ResourceError:
        answer[carrier] = False
""",
        become,
    )
    first, second = ("packet", "tun") if answer["room"] else ("tun", "packet")
    assert answer["taken"] == (first if answer[first] else second)


def test_a_frame_that_is_read_late_came_when_it_came(networks: None) -> None:
    """The stamp is the kernel's, and on the monotonic clock: between sending and reading, never before."""
    if refusal("packet") is not None:
        pytest.skip("packet sockets can't be had here")
    answer = said(
        """
import select, socket, time
from linkemu.access import namespace, packet
from linkemu.access.exec_netlink import Netlink
namespace.isolate()
link = Netlink()
link.add_veth("a", "b", namespace.this_network(), bytes.fromhex("027100000001"))
for name in ("b", "a"):  # the second has its carrier at once; the first may drop what it sends a while longer
    link.bring_up(name)
ours, theirs = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), packet.open_packet("b")
ours.bind(("a", 3))

def marked(mark, wait_s):
    # the frame that ends so, past what a new device says by itself; None if it doesn't come
    while select.select([theirs], [], [], wait_s)[0]:
        data, came_ns = packet.read(theirs, 2000)
        if data.endswith(mark):
            return data, came_ns

while marked(b"warm", 0.05) is None:  # what a new device sends may be lost for a while
    ours.send(bytes(56) + b"warm")
before_ns = time.monotonic_ns()
ours.send(bytes(56) + b"mark")
sent_ns = time.monotonic_ns()
time.sleep(0.5)  # what is tested: it is read late
data, came_ns = marked(b"mark", 5)
answer = (len(data), came_ns - before_ns, came_ns - sent_ns)
"""
    )
    size, after_ns, beyond_ns = answer
    assert size == 10 + 60  # the virtio_net_hdr before it
    assert after_ns > 0
    assert beyond_ns < 250_000_000  # though it was read 500 ms later
