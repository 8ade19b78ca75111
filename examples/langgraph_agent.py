"""A LangGraph graph whose node holds the door's tools: python langgraph_agent.py TOOL 'JSON'."""

import asyncio
import json
import os
import sys

from langchain_core.messages import AIMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['DOOR_TOKEN']}"}
    door = {"transport": "streamable_http", "url": os.environ["DOOR_URL"], "headers": headers}
    tools = ToolNode(await MultiServerMCPClient({"chimera": door}).get_tools(), handle_tool_errors=True)
    graph = StateGraph(MessagesState).add_node("act", tools).set_entry_point("act").compile()
    call = {"name": sys.argv[1], "args": json.loads(sys.argv[2]), "id": "1"}  # a model would have written this
    told = (await graph.ainvoke({"messages": [AIMessage("", tool_calls=[call])]}))["messages"][-1].text
    print(told[told.index("{") : told.rindex("}") + 1])


asyncio.run(main())
