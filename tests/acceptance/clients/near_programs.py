"""Clients of the client zoo that are libraries, as programs: ``python near_programs.py WHAT HOST PORT FILE``.

Each is the shortest use of an unmodified library that its own manual shows. They know nothing of linkemu. An
error of the library is the program's: exit code 1, its name on stderr.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path


def aiohttp(host: str, port: int, file: Path) -> None:
    import aiohttp as library

    async def put() -> None:
        async with library.ClientSession(raise_for_status=True) as session:
            with file.open("rb") as body:
                async with session.put(f"http://{host}:{port}/file", data=body):
                    return

    asyncio.run(put())


def boto3(host: str, port: int, file: Path) -> None:
    """In parts of 5 MiB, the least that S3 allows, two at a time."""
    import boto3 as library
    from boto3.s3.transfer import TransferConfig

    client = library.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="zoo",
        aws_secret_access_key="zoo",
        region_name="us-east-1",
    )
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=2)
    client.upload_file(str(file), "orbit", "file", Config=parts)


def tuspy(host: str, port: int, file: Path) -> None:
    from tusclient.client import TusClient

    client = TusClient(f"http://{host}:{port}/files/")
    told = {"filename": file.name, "filetype": "application/octet-stream"}
    client.uploader(str(file), chunk_size=1 << 20, retries=5, retry_delay=1, metadata=told).upload()


def quic(host: str, port: int, file: Path, idle_s: float = 60.0) -> None:
    """One stream, and the server's answer; ``idle_s`` is aioquic's own limit of silence, 60 s by default."""
    from aioquic.asyncio import connect
    from aioquic.quic.configuration import QuicConfiguration

    settings = QuicConfiguration(alpn_protocols=["zoo"], verify_mode=ssl.CERT_NONE, idle_timeout=idle_s)

    async def put() -> bytes:
        async with connect(host, port, configuration=settings) as client:
            reader, writer = await client.create_stream()
            writer.write(file.read_bytes())
            writer.write_eof()
            return await reader.read()

    if asyncio.run(put()) != str(file.stat().st_size).encode():
        raise ConnectionError("the server did not get all of it")


if __name__ == "__main__":
    what, at, number, path, *more = sys.argv[1:]
    programs = {each.__name__: each for each in (aiohttp, boto3, tuspy, quic)}
    try:
        programs[what](at, int(number), Path(path), *map(float, more))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
