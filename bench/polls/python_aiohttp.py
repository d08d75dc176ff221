# SPDX-License-Identifier: MIT
"""python's aiohttp: coroutines that share a session. Prints what common.lua says."""
import asyncio
import resource
import sys
import time

import aiohttp

service, url, in_flight, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
body = open("bench/polls/request.json", "rb").read()
headers = {"Content-Type": "application/x-www-form-urlencoded"}
requests = 0


async def poll_again(session):
    global requests
    while True:
        async with session.post(url, data=body, headers=headers) as reply:
            assert (await reply.json())["data"]["status"] == 1
        requests += 1


async def main():
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:
        tasks = [asyncio.ensure_future(poll_again(session)) for _ in range(in_flight)]
        await asyncio.sleep(seconds / 3)
        before, cpu, began = requests, time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        print(requests - before, time.process_time() - cpu, time.monotonic() - began,
              resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        for task in tasks:
            task.cancel()


asyncio.run(main())
