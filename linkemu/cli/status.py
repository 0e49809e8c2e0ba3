"""``linkemu status``: the running session at this moment: processes, links, transfers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from linkemu.cli import live, output

if TYPE_CHECKING:
    from linkemu.cli.picture import Picture
    from linkemu.cli.stationdoor import Custody
    from linkemu.runtime.layout import Marker

LISTEN_S = 2.0  # telemetry comes once a second


def status(directory: live.Directory = live.SESSIONS, json: output.Json = False) -> None:
    """Show processes, links and transfers of the running session, once.

    Links come from the bus; without a broker only what the stations know is shown.

    \b
    Examples:
      linkemu status
      linkemu status --json
      linkemu status --dir .linkemu/demo
    """
    from linkemu.cli.busfeed import BusFeed
    from linkemu.cli.stationdoor import StationDoor

    marker = live.session(directory)
    with BusFeed(marker) as feed:
        feed.wait(LISTEN_S)
        held = [
            (station, each)
            for station, address in marker.doors.items()
            for each in StationDoor(station, address).custodies()
        ]
    if json:
        output.document(_document(marker, feed.picture, held))
    else:
        _show(marker, feed.picture)


def _document(marker: Marker, picture: Picture, held: list[tuple[str, Custody]]) -> dict[str, Any]:
    return {
        "scenario": marker.scenario,
        "directory": str(marker.directory),
        "epoch": marker.epoch,
        "at_s": picture.now,
        "duration_s": marker.duration_s,
        "rate": marker.rate,
        "doors": {station: f"http://{host}:{port}" for station, (host, port) in marker.doors.items()},
        "processes": dict(marker.processes),
        "restarts": picture.restarts(),
        "nodes": [asdict(each) for each in picture.nodes.values()],
        "links": [asdict(each.telemetry) for each in picture.links.values()],
        "transfers": [{"station": station, **each.told} for station, each in held],
    }


def _show(marker: Marker, picture: Picture) -> None:
    from linkemu.cli import display

    console = output.console()
    console.print(display.screen(picture, picture.now))
    rows = [(name, str(pid)) for name, pid in marker.processes.items()]
    console.print(output.table(("process", "pid"), rows))
    doors = [(station, f"http://{host}:{port}") for station, (host, port) in marker.doors.items()]
    console.print(output.table(("door", "address"), doors))
