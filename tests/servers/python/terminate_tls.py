"""Ends TLS before a server that has none, for the tests.

    terminate_tls.py PORT BACKEND_PORT

listens on 127.0.0.1:PORT with `server.pem` and `server.key` of the current folder, and passes what it
receives to 127.0.0.1:BACKEND_PORT.
"""

import asyncio
import ssl
import sys


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(port, backend):
    async def connected(reader, writer):
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", backend)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("server.pem", "server.key")
    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


asyncio.run(main(*map(int, sys.argv[1:3])))
