"""The process of a proxy: ``python -m linkemu.access.dataplane FILE [DESCRIPTOR]`` (a settings.Proxy).

It plays links of the Sky between the clients of its doors and their servers until the scenario ends or
SIGTERM comes. On stdout it says two lines of JSON: where its doors listen, and at the end the report of each.
Whoever holds the other end of the socket DESCRIPTOR controls it (desk). It is a process of its own because a
busy thread beside it would cost 18 ms at p99.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
from dataclasses import asdict
from pathlib import Path

from linkemu.access.desk import Desk
from linkemu.access.line import Line
from linkemu.access.plane import Plane
from linkemu.access.settings import Proxy
from linkemu.access.stage import Doors
from linkemu.errors import LinkemuError


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _tell(document: object) -> None:
    sys.stdout.write(json.dumps(document, allow_nan=False) + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command; one line on stderr and an exit code for what goes wrong."""
    if len(sys.argv) not in (2, 3):
        print("usage: python -m linkemu.access.dataplane PROXY_FILE [DESCRIPTOR]", file=sys.stderr)
        return 2
    try:
        _raise_descriptor_limit()
        plane = Plane(Proxy.load(Path(sys.argv[1])))
        if len(sys.argv) == 3:
            plane.attend(Desk(Line(socket.socket(fileno=int(sys.argv[2]))), Doors(plane), plane.skip))
        doors = {name: list(opened.door.address) for name, opened in plane.doors.items()}
        _tell({"doors": doors, "zero_ns": plane.zero_ns})
        plane.run()
        _tell({"reports": [asdict(report) for report in plane.reports()], "faults": plane.faults()})
    except LinkemuError as error:
        print(f"proxy: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
