"""``linkemu fault``: put a fault on a running session, or lift it; the answer says from when on it acts."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from linkemu import units
from linkemu.cli import live, options, output
from linkemu.errors import InputError


class Kind(StrEnum):
    """What can be put on a link, and on a node."""

    OUTAGE = "outage"
    BLACKHOLE = "blackhole"
    LOSS = "loss"
    CAP = "rate-cap"
    RATE = "rate"
    DELAY = "delay"
    REORDER = "reorder"
    DUPLICATE = "duplicate"
    CORRUPT = "corrupt"
    KILL = "kill"
    FREEZE = "freeze"


class Way(StrEnum):
    UP = "up"
    DOWN = "down"
    BOTH = "both"


class Of(StrEnum):
    SLOTS = "slots"
    DATAGRAMS = "datagrams"


def _duration(option: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        seconds = units.duration_s(text, option)
        if not 0.0 < seconds <= 1e9:
            raise InputError(option, f"{text!r}: expected a time above 0")
        return seconds

    return read


def _rate(text: str) -> int:
    return units.rate_bps(text, "--rate")


def fault(
    kind: Annotated[Kind | None, typer.Option(help="What happens.", show_default=False)] = None,
    link: options.Link = None,
    node: Annotated[str | None, typer.Option(help="Which node to kill or freeze.")] = None,
    direction: Annotated[Way, typer.Option(help="Of the light.")] = Way.BOTH,
    lasts_s: Annotated[
        float | None,
        typer.Option(
            "--for", parser=_duration("--for"), metavar="TIME", help="How long: 5s, 2min (until lifted)."
        ),
    ] = None,
    every: Annotated[int | None, typer.Option(min=1, metavar="N", help="Each N-th slot or datagram.")] = None,
    share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, metavar="P", help="A seeded share of them.")
    ] = None,
    of: Annotated[Of, typer.Option(help="What loss counts.")] = Of.SLOTS,
    rate: Annotated[int | None, typer.Option(parser=_rate, metavar="RATE", help="1Mbit/s.")] = None,
    delay: Annotated[
        float | None, typer.Option(parser=_duration("--delay"), metavar="TIME", help="One way: 50ms.")
    ] = None,
    late: Annotated[
        float | None,
        typer.Option(parser=_duration("--late"), metavar="TIME", help="Of reordered ones: 20ms."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="By which it is lifted (a new one).")] = None,
    lift: Annotated[
        str | None, typer.Option(metavar="NAME", help='End faults of this name, or "all".')
    ] = None,
    directory: live.Directory = live.SESSIONS,
    json: output.Json = False,
) -> None:
    """Make something go wrong on a link or in a node of the running session, and say when it acts.

    It takes effect at the next slot (with doors beside the run 50 ms later, there too), rewrites nothing that
    has left, is journalled, and replays. Kinds of links: outage (the sender knows), blackhole (nobody knows),
    loss, rate-cap, rate, delay, reorder, duplicate, corrupt. Kinds of nodes: kill, freeze.

    \b
    Examples:
      linkemu fault --kind outage --for 5s
      linkemu fault --kind loss --link koganei:iss --direction down --every 2 --name acks
      linkemu fault --lift acks
      linkemu fault --kind freeze --node iss --for 3s --json
    """
    from linkemu.cli import ordering

    if (kind is None) == (lift is None):
        raise InputError("fault", "expected either --kind or --lift")
    figures = {"every": every, "share": share, "rate": rate, "delay": delay, "late": late}
    of_links = {"--link": link, "--name": name} | {f"--{key}": value for key, value in figures.items()}
    lasting = {} if lasts_s is None else {"duration_s": lasts_s}
    order: dict[str, Any]
    if kind is None:
        options.refuse({"--node": node, "--for": lasts_s, **of_links}, "has no meaning with --lift")
        topic, order = "fault", {"lift": None if lift == "all" else lift}
    elif kind in (Kind.KILL, Kind.FREEZE):
        options.refuse(of_links, f"is of faults of links, and {kind} is one of a node")
        topic, order = "node", _strike(kind, node) | lasting
    else:
        options.refuse({"--node": node}, f"{kind} is a fault of a link")
        effect = _effect(kind, {key: value for key, value in figures.items() if value is not None}, of)
        called = {"name": name or ordering.new_name(kind)}
        topic, order = "fault", {"faults": [{"direction": str(direction), **lasting, **effect, **called}]}
    marker = live.session(directory)
    links = ordering.links(marker)
    for row in order.get("faults", ()):
        row |= _whose(links, link)
    effective = [_named(row, links) for row in ordering.give(marker, topic, order)]
    if json:
        output.document({"scenario": marker.scenario, "effective": effective})
    else:
        _show(effective)


def _strike(kind: Kind, node: str | None) -> dict[str, Any]:
    """The order for a fault of a node."""
    if node is None:
        raise InputError("--node", f"{kind} takes the name of a node")
    return {"node": node, "kind": str(kind)}


def _effect(kind: Kind, figures: dict[str, Any], of: Of) -> dict[str, Any]:
    """The keys of an order; InputError if a figure is missing, or belongs to another kind."""
    needed, possible = _FIGURES[kind]
    for figure in needed - figures.keys():
        raise InputError(f"--{figure}", f"is missing, which {kind} needs")
    for figure in figures.keys() - needed - possible:
        raise InputError(f"--{figure}", f"is no figure of {kind}")
    if "every" in figures and "share" in figures:
        raise InputError("--share", "either --every or --share")
    pick = {key: figures[key] for key in ("every", "share") if key in figures} or {"every": 1}
    match kind:
        case Kind.OUTAGE:
            return {"rate_cap_bps": 0}
        case Kind.BLACKHOLE:
            return {"erase_slots": {"every": 1}}
        case Kind.LOSS:
            return {f"erase_{of}": pick}
        case Kind.CAP:
            return {"rate_cap_bps": figures["rate"]}
        case Kind.RATE:
            return {"rate_bps": figures["rate"]}
        case Kind.DELAY:
            return {"delay_ns": round(figures["delay"] * 1e9)}
        case Kind.REORDER:
            return {"reorder": pick, "late_ns": round(figures["late"] * 1e9)}
    return {str(kind): pick}


_PICK = frozenset({"every", "share"})
_NONE = frozenset[str]()
_FIGURES: dict[Kind, tuple[frozenset[str], frozenset[str]]] = {  # needed, possible
    Kind.OUTAGE: (_NONE, _NONE),
    Kind.BLACKHOLE: (_NONE, _NONE),
    Kind.LOSS: (_NONE, _PICK),
    Kind.CAP: (frozenset({"rate"}), _NONE),
    Kind.RATE: (frozenset({"rate"}), _NONE),
    Kind.DELAY: (frozenset({"delay"}), _NONE),
    Kind.REORDER: (frozenset({"late"}), _PICK),
    Kind.DUPLICATE: (_NONE, _PICK),
    Kind.CORRUPT: (_NONE, _PICK),
}


def _whose(links: list[tuple[str, str]], link: str | None) -> dict[str, Any]:
    """Station and satellite of the link that is meant, or of the only one."""
    if link is None and len(links) == 1:
        return dict(zip(("station", "satellite"), links[0], strict=True))
    names = ", ".join(":".join(each) for each in links)
    if link is None:
        raise InputError("--link", f"choose one of {names}")
    station, _, satellite = link.partition(":")
    if (station, satellite) not in links:
        raise InputError("--link", f"there is no link {link}; there are: {names}")
    return {"station": station, "satellite": satellite}


def _named(row: dict[str, Any], links: list[tuple[str, str]]) -> dict[str, Any]:
    """The same row with the names of its link, if it is one of a link."""
    if "link" not in row:
        return row
    station, satellite = links[row["link"]]
    return {"station": station, "satellite": satellite, **row}


def _show(effective: list[dict[str, Any]]) -> None:
    if not effective:
        typer.echo("nothing to lift")
    for row in effective:
        where = row.get("node") or f"{row['station']}:{row['satellite']} {row['direction']}"
        end = "until lifted" if row.get("end_ns") is None else f"to {row['end_ns'] / 1e9:.3f} s"
        if row.get("kind") == "kill" and row.get("end_ns") is None:
            end = "and starts again"
        typer.echo(f"{row.get('name') or row.get('kind')}: {where}, from {row['start_ns'] / 1e9:.3f} s {end}")
