"""The MCP library's own client at the door: python plain_mcp.py TOOL 'JSON'."""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {os.environ['DOOR_TOKEN']}"}, timeout=60)
    async with http, Client(streamable_http_client(os.environ["DOOR_URL"], http_client=http)) as door:
        answer = await door.call_tool(sys.argv[1], json.loads(sys.argv[2]))
        print(json.dumps(answer.structured_content))


asyncio.run(main())
