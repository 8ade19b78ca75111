"""Four nodes in a StateGraph, checkpointed by AsyncPostgresSaver after every node. The variant is its `durability`."""

import asyncio
import time
from typing import TypedDict

from governed import AUDIT, BUDGET, TASKS_TABLES, asked, judge, plan, row, say, window, work
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool


class State(TypedDict, total=False):
    task: str
    step: dict
    draft: dict
    verdict: dict


async def main() -> None:
    dsn, seconds, at_once, process, durability = asked()
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(dsn, min_size=4, max_size=16, kwargs=options) as pool:
        saver = AsyncPostgresSaver(pool)
        if not seconds:
            await saver.setup()
            async with pool.connection() as connection:
                await connection.execute(TASKS_TABLES, prepare=False)
            return

        async def commit(state: State) -> State:
            async with pool.connection() as connection, connection.transaction():
                await connection.execute(AUDIT, row(state["verdict"]))
                await connection.execute(BUDGET, (window(state["task"]),))
            return {}

        graph = StateGraph(State)
        graph.add_node("plan", lambda state: {"step": plan(state["task"])})
        graph.add_node("work", lambda state: {"draft": work(state["step"])})
        graph.add_node("judge", lambda state: {"verdict": judge(state["draft"])})
        graph.add_node("commit", commit)
        for one, then in ((START, "plan"), ("plan", "work"), ("work", "judge"), ("judge", "commit"), ("commit", END)):
            graph.add_edge(one, then)
        compiled = graph.compile(checkpointer=saver)
        done, number, since = 0, 0, time.monotonic()

        async def runner() -> None:
            nonlocal done, number
            while time.monotonic() < since + seconds:
                number += 1
                task = f"task-{process}-{since}-{number}"
                await compiled.ainvoke({"task": task}, {"configurable": {"thread_id": task}}, durability=durability)
                done += 1

        await asyncio.gather(*(runner() for _ in range(at_once)))
        say(done, since)


asyncio.run(main())
