"""FastMCP's client at the door: python fastmcp_client.py TOOL 'JSON'."""

import asyncio
import json
import os
import sys

from fastmcp import Client


async def main() -> None:
    async with Client(os.environ["DOOR_URL"], auth=os.environ["DOOR_TOKEN"]) as door:
        answer = await door.call_tool(sys.argv[1], json.loads(sys.argv[2]), raise_on_error=False)
        print(json.dumps(answer.structured_content))


asyncio.run(main())
