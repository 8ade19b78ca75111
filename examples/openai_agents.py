"""The OpenAI Agents SDK's MCP server at the door: python openai_agents.py TOOL 'JSON'."""

import asyncio
import json
import os
import sys

from agents.mcp import MCPServerStreamableHttp

from agents import Agent


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['DOOR_TOKEN']}"}
    async with MCPServerStreamableHttp({"url": os.environ["DOOR_URL"], "headers": headers, "timeout": 60}) as door:
        agent = Agent(name="outside", instructions="Use the door.", mcp_servers=[door])
        answer = await agent.mcp_servers[0].call_tool(sys.argv[1], json.loads(sys.argv[2]))  # Runner.run would do this
        print(answer.content[0].text)


asyncio.run(main())
