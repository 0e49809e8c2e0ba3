"""The clients of the zoo: how each is called, with which server, and where its file is at the end.

A client and its server are command lines of unmodified programs, the same ones through the proxy and through
exec; only the address differs. Nothing here knows of links.
"""

from __future__ import annotations

import base64
import getpass
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.clients import broken_sky, certificates
from tests.acceptance.clients.client import (
    MEGA,
    Client,
    Place,
    Words,
    again,
    downloaded,
    found,
    modules,
)
from tests.acceptance.clients.far_programs import DNS_CHUNK

HERE = Path(__file__).parent


def _far(what: str) -> Callable[[Place], Words]:
    return lambda place: (sys.executable, HERE / "far_programs.py", what, *place.far, place.there)


def near(what: str, *more: object) -> Callable[[Place], Words]:
    return lambda place: (sys.executable, HERE / "near_programs.py", what, *place.near, place.file, *more)


def _give(place: Place) -> None:
    """The file lies at the server."""
    (place.there / "file").symlink_to(place.file)


# --- curl, wget ---------------------------------------------------------------------------------------------


def curl_put(place: Place, *more: object) -> Words:
    return ("curl", "-sS", "--fail", *more, "-T", place.file, place.url)


def curl_resume(place: Place, *more: object) -> Words:
    """Called until it has the file; from the second time on it asks for the rest by Range."""
    call = ("curl", "-sS", *more, "-C", "-", "-w", "%{http_code} ", "-o", place.here / "file", place.url)
    return again(call)


def curl_in_3_s(place: Place) -> Words:
    """Each call gives up after 3 s: enough for the file, but not for an outage too."""
    return curl_resume(place, "-m", 3)


def wget_resume(place: Place) -> Words:
    """Gives up after a second of silence by its own option, and tries again from where it was."""
    return ("wget", "-c", "--no-verbose", "--tries=0", "--timeout=1", "-P", place.here, place.url)


# --- rsync, sftp --------------------------------------------------------------------------------------------


def rsync_server(place: Place) -> Words:
    host, port = place.far
    config = place.there / "rsyncd.conf"
    return ("rsync", "--daemon", "--no-detach", f"--address={host}", f"--port={port}", f"--config={config}")


def rsync_config(place: Place) -> None:
    user = f"uid = {os.getuid()}\ngid = {os.getgid()}\n" if os.getuid() == 0 else ""
    module = f"[orbit]\npath = {place.there}\nread only = false\nuse chroot = false\n"
    (place.there / "rsyncd.conf").write_text(f"log file = /dev/null\n{user}{module}")


def rsync_put(place: Place, *more: object) -> Words:
    host, port = place.near
    return ("rsync", "--partial", *more, place.file, f"rsync://{host}:{port}/orbit/file")


def sshd(place: Place) -> Words:
    """As the user who runs the tests, who may log in by one key and nobody else by any."""
    words = (found("sshd"), "-D", "-e", "-f", place.there / "sshd_config")
    return (*words, "-h", place.there / "host_key", "-p", place.far[1], "-o", f"ListenAddress={place.far[0]}")


def sshd_config(place: Place) -> None:
    for key in (place.there / "host_key", place.here / "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    settings = {
        "AuthorizedKeysFile": place.here / "user_key.pub",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "StrictModes": "no",
        "Subsystem": "sftp internal-sftp",
        "UsePAM": "no",
    }
    (place.there / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))


def sftp_put(place: Place, verb: str = "put") -> Words:
    batch = place.here / verb
    batch.write_text(f"{verb} {place.file} {place.there / 'file'}\n")
    known = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-F", "/dev/null")
    login = ("-P", place.near[1], "-i", place.here / "user_key", f"{getpass.getuser()}@{place.near[0]}")
    return ("sftp", "-q", "-b", batch, *known, *login)


# --- tus, S3 ------------------------------------------------------------------------------------------------


def tus_file(place: Place) -> bytes:
    """The one upload of a tus server, whose name is its id."""
    (upload,) = [each for each in place.there.iterdir() if each.is_file() and not each.suffix]
    return upload.read_bytes()


def tus_js(place: Place) -> Words:
    return ("node", HERE / "tus_upload.cjs", *place.near, place.file)


def s3_object(place: Place) -> bytes:
    """Fetched from the server's own side."""
    with urllib.request.urlopen(f"http://127.0.0.1:{place.far[1]}/orbit/file") as answer:
        body: bytes = answer.read()
    return body


# --- iperf3, QUIC, DNS --------------------------------------------------------------------------------------


def iperf3_server(place: Place) -> Words:
    return ("iperf3", "-s", "-1", "-i", 0.5, "-B", place.far[0], "-p", place.far[1])


IPERF3_BYTES = 1200  # of a datagram


def iperf3(place: Place) -> Words:
    """For as long as a stretch of light, an outage and some more."""
    host, port = place.near
    return ("iperf3", "-c", host, "-p", port, "-t", 5, "--json", "--get-server-output")


def iperf3_udp(place: Place) -> Words:
    """Nearly the rate of its link, so that the queue is soon full in the dark."""
    return (*iperf3(place), "-u", "-b", "3M", "-l", IPERF3_BYTES)


def quic_certificate(place: Place) -> None:
    certificates.write(place.there)


def dig(place: Place, *more: object) -> Words:
    """A name for each chunk of the file, one after the other: each takes a round trip of light."""
    names = place.here / "names"
    chunks = -(-place.file.stat().st_size // DNS_CHUNK)
    names.write_text("".join(f"{number}.file.orbit TXT\n" for number in range(chunks)))
    host, port = place.near
    return ("dig", f"@{host}", "-p", port, "+short", "+timeout=5", "+tries=2", *more, "-f", names)


def dug(place: Place) -> bytes:
    """The chunks that dig has printed, each a text in quotes."""
    lines = (place.room / "said").read_text().splitlines()
    return b"".join(base64.b64decode(line.strip('"'), validate=True) for line in lines)


DIG_CHUNKS = round(broken_sky.NEED_S / (2 * broken_sky.DELAY_S))

ZOO = (
    Client("curl-put", curl_put, _far("http"), needs=("curl",)),
    Client("curl-resumed", curl_in_3_s, _far("http"), downloaded, _give, "down", needs=("curl",)),
    Client("wget-c", wget_resume, _far("http"), downloaded, _give, "down", needs=("wget",)),
    Client("rsync", rsync_put, rsync_server, prepare=rsync_config, by="serve", needs=("rsync",)),
    Client("sftp", sftp_put, sshd, prepare=sshd_config, needs=("sshd", "sftp", "ssh-keygen")),
    Client("tuspy", near("tuspy"), _far("tus"), tus_file),
    Client(
        *("tus-js-client", tus_js, _far("tus"), tus_file),
        needs=("node", "tus-js-client"),
        environment=(("NODE_PATH", str(modules())),),
    ),
    Client("boto3", near("boto3"), _far("s3"), s3_object, rate_bps=96 * MEGA),
    Client("aiohttp", near("aiohttp"), _far("http")),
    Client("iperf3-tcp", iperf3, iperf3_server, by="serve", needs=("iperf3",)),
    Client(
        *("aioquic", near("quic"), _far("quic")),
        prepare=quic_certificate,
        doors=("udp",),
        by="serve",
        rate_bps=6 * MEGA,
    ),
    Client(
        *("dig", dig, _far("dns"), dug),
        prepare=_give,
        direction="down",
        doors=("udp",),
        by="serve",
        size_bytes=DIG_CHUNKS * DNS_CHUNK - 1,
        trips=DIG_CHUNKS,
        needs=("dig",),
    ),
    Client(
        *("iperf3-udp", iperf3_udp, iperf3_server),
        doors=("tcp", "udp"),
        by="serve",
        rate_bps=4 * MEGA,
        needs=("iperf3",),
    ),
)
