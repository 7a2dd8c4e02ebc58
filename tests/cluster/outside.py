"""Servers outside of the cluster that its pods reach: the embedded ones, behind relays on an address of the node."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.live import Cluster

CHUNK = 1 << 16


def address(cluster: Cluster) -> str:
    """A node's address that is this machine's as well; empty where no node is this machine."""
    import socket

    for node in cluster.every("Node"):
        for one in node["status"].get("addresses") or ():
            with suppress(OSError), socket.socket() as probe:
                if one["type"] == "InternalIP":
                    probe.bind((one["address"], 0))
                    return str(one["address"])
    return ""


@contextmanager
def relayed(host: str, port: int) -> Iterator[int]:
    """A port of ``host`` behind which a port of this machine's loopback answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="outside", daemon=True)
    thread.start()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(accepted, host, 0), loop).result(10)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@contextmanager
def managed(folder: Path, host: str) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """The tables of a target file for a PostgreSQL and an S3 store, as pods and this machine reach them on ``host``."""
    folder.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "GONOGO_TARGET"}

    def gonogo(*words: str) -> str:
        command = [sys.executable, "-m", "gonogo", *words, "--target", "embedded"]
        done = subprocess.run(
            command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=300
        )
        return done.stdout

    try:
        gonogo("up", "postgresql", "s3")
        tables = tomllib.loads(gonogo("endpoints", "postgresql", "s3"))["components"]
        with ExitStack() as stack:
            database, store = tables["postgresql"], tables["s3"]
            ports = [int(database["port"]), urlsplit(store["endpoint"]).port or 80]
            shown = [stack.enter_context(relayed(host, port)) for port in ports]
            yield {
                "postgresql": database | {"host": host, "port": str(shown[0])},
                "s3": store | {"endpoint": f"http://{host}:{shown[1]}"},
            }
    finally:
        gonogo("down")
