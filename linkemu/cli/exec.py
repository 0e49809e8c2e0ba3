"""``linkemu exec``: a command whose only way out is the laser."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from linkemu.cli import beginning, excerpts, options, output, places, readers, sources
from linkemu.cli import control as controls
from linkemu.errors import InputError, ResourceError

if TYPE_CHECKING:
    from linkemu.access.exec_capture import Capture, Captured
    from linkemu.access.exec_order import Forward, Order
    from linkemu.control.server import Control
    from linkemu.link.timeline import Sky
    from linkemu.record.played import Played, Row
    from linkemu.record.recording import Recording

CARRIERS = ("auto", "tun", "packet")


class CommandLast(TyperCommand):
    """What stands after ``--`` is the command and all of it: never the scenario, which --sky may replace."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" not in args:
            return super().parse_args(ctx, args)
        place = args.index("--")
        left = super().parse_args(ctx, args[:place])
        ctx.params["command"] = [*(ctx.params["command"] or ()), *args[place + 1 :]]
        return left


def exec(
    scenario: options.MaybePlayable = None,
    command: Annotated[
        list[str] | None, typer.Argument(help="What to run on the ground, after --.", show_default=False)
    ] = None,
    serve: Annotated[
        str | None, typer.Option(metavar="CMD", help="Run this (sh) on the satellite's side, at 10.71.0.2.")
    ] = None,
    forward: Annotated[
        list[str] | None,
        typer.Option(metavar="PORT=HOST:PORT", help="A TCP port of 10.71.0.2 that leads to this service."),
    ] = None,
    link: options.Link = None,
    sky: options.Sky = None,
    start_at: beginning.StartAt = "0 s",
    queue: Annotated[
        int | None,
        typer.Option(
            parser=readers.queue,
            metavar="SIZE",
            help="Queue before each transmitter (a round trip of the highest rate, at least 100 ms of it).",
        ),
    ] = None,
    carrier: Annotated[
        str,
        typer.Option(
            parser=readers.one_of("--carrier", *CARRIERS),
            metavar="|".join(CARRIERS),
            help="TUN device, or packet socket on veth.",
        ),
    ] = "auto",
    start: excerpts.From = None,
    length: excerpts.For = None,
    shift: excerpts.Shift = None,
    slow: excerpts.Slow = None,
    loop: excerpts.Loop = None,
    record: options.Record = None,
    pcapng: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Capture all packets, with when they left and what became of them."
        ),
    ] = None,
    snap: Annotated[str, typer.Option(metavar="SIZE", help="--pcapng: so much of each packet.")] = "256 B",
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the fidelity report to this file.")
    ] = None,
    control: controls.Address = None,
    control_file: controls.File = None,
) -> None:
    """Run a command in a network of its own whose only route is the laser, in real time.

    The command is 10.71.0.1 (fd71:6c69:6e6b::1), the satellite's side 10.71.0.2 (fd71:6c69:6e6b::2). Its
    exit code is passed on, its input and output are untouched; its end ends all that it has started.

    \b
    Examples:
      linkemu exec configs/demo.toml -- ping 10.71.0.2
      linkemu exec configs/demo.toml --serve "iperf3 -s -1" -- iperf3 -c 10.71.0.2 -t 20
      linkemu exec configs/demo.toml --pcapng ping.pcapng -- ping -c 5 10.71.0.2
      linkemu exec --sky demo.sky -- curl http://10.71.0.2/
      linkemu exec recorded/demo --from 10 --record recorded/ping -- ping -c 5 10.71.0.2
      linkemu exec configs/demo.toml --forward 8080=localhost:8080 --json report.json -- curl -T photo.raw http://10.71.0.2:8080/
    """
    from linkemu.access.exec_capture import Capture
    from linkemu.access.exec_order import Order
    from linkemu.access.settings import choose_link

    words = _command(command)
    forwards = tuple(_forward(text) for text in forward or ())
    places.check_file(json, "--json")
    places.check_file(pcapng, "--pcapng")
    places.check_file(control_file, "--control-file")
    snap_bytes = readers.snap(snap)
    sources.make_room(record)
    played = sources.find(scenario, sky, excerpts.Given(start, length, shift, slow, loop)).played
    number = choose_link(played.sky, link)
    _check_ways(played.sky, number)
    order = Order(
        command=words,
        serve=serve,
        forwards=forwards,
        link=number,
        start_ns=beginning.start_ns(played.sky, {number}, start_at),
        queue_bytes=queue,
        hold_s=10.0 if played.scenario is None else played.scenario.queue.hold_s,
        faults=played.faults,
        carrier=carrier,  # type: ignore[arg-type]  # by its parser
    )
    capture = None if pcapng is None else Capture(pcapng, snap_bytes, played.epoch_ns)
    with controls.bound(control, control_file, None) or nullcontext() as served:
        code = _run(order, played, served, capture, record, json)
    raise typer.Exit(code)


def _command(words: list[str] | None) -> tuple[str, ...]:
    """What to run, if it is there."""
    if not words:
        raise InputError("COMMAND", "is missing: what to run, after --")
    if shutil.which(words[0]) is None:
        raise InputError("COMMAND", f"{words[0]}: no such command")
    return tuple(words)


def _run(
    order: Order,
    played: Played,
    control: Control | None,
    capture: Capture | None,
    record: Path | None,
    json: Path | None,
) -> int:
    """Until the command's end; then what came of it, in the record and in the report. Its exit code."""
    from linkemu.access import exec_run
    from linkemu.runtime.stopping import Stopping

    kept = None if record is None else _begin(record, order, played)
    # Both are for the command, and no reason to lose its report.
    with Stopping(signal.SIGINT), Stopping(signal.SIGTERM) as stopping:
        operator = None if control is None else control.start_apart(played.sky)
        try:
            outcome = exec_run.run(order, played.sky, operator, capture, stopping=stopping)
        except BaseException:
            if kept is not None:
                kept.withdraw()
            raise
        if kept is not None:
            if outcome.report is None:  # stopped before there was a link
                kept.withdraw()
            else:
                _finish(kept, order, played, outcome.report, outcome.faults)
        _tell(outcome.report, outcome.captured, json)
    return outcome.code


def _begin(directory: Path, order: Order, played: Played) -> Recording:
    from linkemu.record.manifest import Pace
    from linkemu.record.recording import Recording

    return Recording.begin(directory, "exec", played, Pace(), order=asdict(order))


def _finish(
    kept: Recording, order: Order, played: Played, report: dict[str, Any], faults: tuple[Row, ...]
) -> None:
    """What the link did from the command's start to its end, and what came of it."""
    from linkemu.access.witness import Witness

    witness = Witness(kept.trace("sky").parent)
    witness.begin(played.sky, {order.link}, order.start_ns)
    witness.step(round(report["end_s"] * 1e9))
    witness.close()
    kept.finish(faults=faults, reports=[{**report, "name": "exec", "ways": report["directions"]}])


def _check_ways(sky: Sky, link: int) -> None:
    from linkemu.machine import Direction

    if any((link, direction) not in sky.timelines for direction in Direction):
        raise InputError("--link", "this sky has only one direction of it")


def _forward(text: str) -> Forward:
    from linkemu.access.exec_order import Forward
    from linkemu.access.settings import address

    port, equals, to = text.partition("=")
    if not equals or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise InputError("--forward", f"{text!r} is not PORT=HOST:PORT")
    return Forward(int(port), *address(to, "--forward"))


def _tell(report: dict[str, Any] | None, captured: Captured | None, file: Path | None) -> None:
    """The report to its file, and a line for every bound that was not met."""
    if report is None:
        return
    output.warn(f"{row['direction']}: {each}" for row in report["directions"] for each in row["warnings"])
    if captured is not None:
        output.warn(_lacking(captured))
        report = {**report, "capture": {**asdict(captured), "file": str(captured.file)}}
    if file is None:
        return
    import json

    try:
        file.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise ResourceError(str(file), error.strerror or str(error)) from None


def _lacking(captured: Captured) -> Iterator[str]:
    """What the capture doesn't have, and why."""
    if captured.problem is not None:
        yield f"{captured.file}: the capture ended early: {captured.problem}"
    if captured.not_kept:
        cause = "" if captured.problem else ": they came faster than they could be written"
        yield f"{captured.file}: {captured.not_kept} packets were not kept{cause}"
