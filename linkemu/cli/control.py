"""Options of commands whose link can be changed while they run: ``--control`` and its company.

The server binds before any client comes, and a person is told where it listens on stderr.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from linkemu.control.server import Control

Address = Annotated[
    str | None,
    typer.Option("--control", metavar="HOST:PORT", help="Serve the control API there; port 0: any free one."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--control-file", metavar="FILE", help="Write its address and token there, for linkemu.client."
    ),
]
Toxiproxy = Annotated[
    str | None,
    typer.Option("--toxiproxy", metavar="HOST:PORT", help="Serve a subset of Toxiproxy's API there."),
]

_ANY = "127.0.0.1:0"


def bound(address: str | None, file: Path | None, toxiproxy: str | None) -> Control | None:
    """The server, which has its addresses and doesn't serve yet; None if nobody asked for it."""
    if address is None and file is None and toxiproxy is None:
        return None
    from linkemu.access import settings
    from linkemu.control.server import Control

    control = Control(
        settings.address(address or _ANY, "--control", any_port=True),
        toxiproxy_address=None
        if toxiproxy is None
        else settings.address(toxiproxy, "--toxiproxy", any_port=True),
    )
    try:
        if file is not None:
            control.save(file)
    except BaseException:
        control.close()
        raise
    token = f"token {control.token}" if file is None else f"token in {file}"
    typer.echo(f"control at {control.url}, {token}", err=True)
    if control.toxiproxy_url is not None:
        typer.echo(f"toxiproxy at {control.toxiproxy_url}", err=True)
    return control
