"""Change a link while a program runs over it: the client of the control API, of the standard library only.

    with Link.at("control.json") as link:                    # or Link("http://127.0.0.1:8480", token)
        link.set(rate="10 Mbit/s", delay="50 ms")            # until the block ends, however it ends
        with link.outage(direction="up"):
            ...
        print(link.report())

docs/control.md tells all of it. What is imposed here ends with the block, an exception or the death of the
client's process.
"""

from linkemu.client.aio import AsyncLink
from linkemu.client.blocks import Batch
from linkemu.client.effects import Every
from linkemu.client.link import Link, Override

__all__ = ["AsyncLink", "Batch", "Every", "Link", "Override"]
