"""``linkemu demo``: one real pass, one file up and down again, a cloud in between."""

from __future__ import annotations

from typing import Annotated

import typer

from linkemu.cli import output, readers

SIZE = "96 MiB"  # more than the link carries before the cloud


def demo(
    size: Annotated[
        int, typer.Option(parser=readers.size, metavar="SIZE", help="Of the file, such as '128 MiB'.")
    ] = SIZE,  # type: ignore[assignment]
    json: output.Json = False,
) -> None:
    """Play a real pass of the ISS over Koganei and send a file through it, in under a minute.

    A random file goes up through the HTTP door of the ground station, as curl would send it. A cloud of 6 s
    interrupts it, the link reacquires, the rest follows; the satellite verifies it. Then it comes down again
    and both are compared by SHA-256. Needs no network and leaves nothing behind.

    \b
    Examples:
      linkemu demo
      linkemu demo --size "128 MiB"
      linkemu demo --json
    """
    from linkemu.cli import roundtrip

    raise typer.Exit(roundtrip.play(size, json))
