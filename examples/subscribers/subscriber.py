"""Hears how runs ended, with nats-py: nothing is missed while it is away.

python subscriber.py NATS_URL CONSUMER
"""
import asyncio
import json
import sys

import nats
from nats.errors import TimeoutError


def attributes(msg):
    """The id and the type of an event, whichever broker.format it came in."""
    headers = msg.headers or {}
    if "ce-id" in headers:
        return headers["ce-id"], headers["ce-type"]
    event = json.loads(msg.data)
    return event["id"], event["type"]


async def listen(address, consumer):
    connection = await nats.connect(address, max_reconnect_attempts=-1)
    outcomes = await connection.jetstream().pull_subscribe_bind(consumer, "GATEWAY_OUT")
    seen = set()  # a table of yours, written together with the work, lasts longer
    while True:
        try:
            messages = await outcomes.fetch(10, timeout=5)
        except TimeoutError:
            continue
        for msg in messages:
            id, kind = attributes(msg)
            if id not in seen:
                print("python", kind, flush=True)  # the work
                seen.add(id)
            await msg.ack_sync()


asyncio.run(listen(*sys.argv[1:]))
