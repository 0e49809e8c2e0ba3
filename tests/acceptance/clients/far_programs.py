"""Servers of the client zoo, each a program of its own: ``python far_programs.py WHAT HOST PORT DIRECTORY``.

They know nothing of linkemu. The protocols are those of well-kept packages: uvicorn with starlette (HTTP),
tuspyserver (tus 1.0), moto (S3), aioquic (QUIC), dnslib (DNS); here they only get a directory for files.
"""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
from pathlib import Path

CERTIFICATE, KEY = "certificate.pem", "key.pem"
DNS_CHUNK = 180


def http(host: str, port: int, room: Path) -> None:
    """PUT keeps a body under its name, GET gives it back, ranges too; one line on stdout for each request."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route

    async def put(request: Request) -> Response:
        with (room / request.path_params["name"]).open("wb") as file:
            async for part in request.stream():
                file.write(part)
        return Response(status_code=201)

    async def get(request: Request) -> Response:
        return FileResponse(room / request.path_params["name"])

    routes = [Route("/{name}", put, methods=["PUT"]), Route("/{name}", get, methods=["GET"])]
    uvicorn.run(Starlette(routes=routes), host=host, port=port, timeout_graceful_shutdown=1)


def tus(host: str, port: int, room: Path) -> None:
    """A tus 1.0 server at /files; an upload is a file named by its id."""
    import uvicorn
    from fastapi import FastAPI
    from tuspyserver import create_tus_router

    app = FastAPI()
    app.include_router(create_tus_router(prefix="files", files_dir=str(room)))
    uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=1)


def s3(host: str, port: int, room: Path) -> None:
    """An S3 server with one bucket, in memory."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(host, port)
    server.start()
    keys = {"aws_access_key_id": "zoo", "aws_secret_access_key": "zoo", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys).create_bucket(Bucket="orbit")
    (room / "bucket").touch()
    signal.pause()


def quic(host: str, port: int, room: Path) -> None:
    """Keeps each stream that a client ends as the file ``file``, and answers with the number of its bytes."""
    from aioquic.asyncio import serve
    from aioquic.quic.configuration import QuicConfiguration

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read()
        (room / "file").write_bytes(data)
        writer.write(str(len(data)).encode())
        writer.write_eof()

    tasks: set[asyncio.Task[None]] = set()

    def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(keep(reader, writer)))

    async def main() -> None:
        settings = QuicConfiguration(is_client=False, alpn_protocols=["zoo"])
        settings.load_cert_chain(room / CERTIFICATE, room / KEY)
        await serve(host, port, configuration=settings, stream_handler=stream)
        await asyncio.Event().wait()

    asyncio.run(main())


def dns(host: str, port: int, room: Path) -> None:
    """A zone whose TXT record N.file.orbit is the Nth chunk of the file ``file`` in base64."""
    from dnslib import QTYPE, RCODE, RR, TXT
    from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSRecord, DNSServer

    data = (room / "file").read_bytes()

    class Chunks(BaseResolver):
        def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
            reply = request.reply()
            number = str(request.q.qname).partition(".")[0]
            chunk = data[int(number) * DNS_CHUNK :][:DNS_CHUNK] if number.isdecimal() else b""
            if not chunk:
                reply.header.rcode = RCODE.NXDOMAIN
            else:
                text = base64.b64encode(chunk).decode()
                reply.add_answer(RR(request.q.qname, QTYPE.TXT, ttl=0, rdata=TXT(text)))
            return reply

    DNSServer(Chunks(), address=host, port=port, logger=DNSLogger("-request,-reply")).start()


if __name__ == "__main__":
    what, at, number, directory = sys.argv[1:]
    {each.__name__: each for each in (http, tus, s3, quic, dns)}[what](at, int(number), Path(directory))
