"""The screen of `chimera top`: the desk, the fleet, and keys. Everything it does is a request to the API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable, Footer, Static, TabbedContent, TabPane
from textual.widgets.data_table import CellDoesNotExist

from chimera.client.house import House
from chimera.client.shapes import AgentRow, FleetSummary, ReviewItem, ReviewRow
from chimera.client.terminal import lines
from chimera.client.terminal.asking import Keys, Say
from chimera.client.terminal.desk import UNDO_SECONDS, Desk, Send
from chimera.domain.errors import ChimeraError

LOOK_SECONDS, PAUSE_SECONDS = 2.0, 0.3
# A house whose database is away keeps its callers waiting for minutes, and figures that stand still look well.
SILENT_SECONDS, MIND_SECONDS = 4.0, 0.5
SILENT = "the house does not answer; what stands here is from then"
ROWS_MAX, AGENTS_MAX, ABOUT_MAX = 200, 500, 300
STALE, READING = "stale", "reading …"
REVIEWS, FLEET = "tab-reviews", "tab-fleet"
NOT_YOURS = "Your roles do not let you look at reviews; the second tab shows the fleet."
KEYS = """j k        next, previous
a          approve what is shown: the gate is asked again, with you as the approver
e          other words: approved, and judged as new bytes
r          reject, with a reason
q          ask the operator something first
c          take it for a quarter of an hour, or leave it to others
x  A       mark one of low risk; approve all marked
u          take back the latest ruling, for five seconds
h  g       halt, resume: the whole fleet, or on the second tab the agent under the cursor
1  2       reviews, fleet
ctrl+q     leave; rulings that wait are sent"""


class Top(App[None]):
    """Reviews on the left, the one under the cursor on the right, the fleet above."""

    CSS_PATH = "top.tcss"
    TITLE = "chimera"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "approve"), Binding("e", "edit", "edit"), Binding("r", "reject", "reject"),
        Binding("q", "ask", "ask"), Binding("c", "claim", "take"), Binding("x", "mark", "mark"),
        Binding("A", "approve_marked", "approve marked", show=False), Binding("u", "undo", "undo"),
        Binding("h", "halt", "halt"), Binding("g", "resume", "resume", show=False),
        Binding("j", "move(1)", show=False), Binding("k", "move(-1)", show=False),
        Binding("1", f"tab('{REVIEWS}')", show=False), Binding("2", f"tab('{FLEET}')", show=False),
        Binding("question_mark", "keys", "keys"), Binding("ctrl+q", "leave", "leave"),
    ]  # fmt: skip

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house
        self._rows: dict[str, ReviewRow] = {}
        self._agents: dict[str, AgentRow] = {}
        self._item: ReviewItem | None = None
        self._marked: set[str] = set()
        self._now_us = self._asked_at_us = 0
        self._permitted: tuple[str, ...] | None = None
        self._news = asyncio.Event()
        self._clock = house.wire.clock
        self._desk = Desk(clock=self._clock, failed=lambda text: self._say(text, bad=True), changed=self._news.set)

    def compose(self) -> ComposeResult:
        """The fleet, two tabs, a line for what just happened, the keys."""
        yield Static(id="fleet", markup=False)
        with TabbedContent():
            with TabPane("Reviews", id=REVIEWS), Horizontal(id="desk"):
                yield DataTable[Any](id="reviews", cursor_type="row", zebra_stripes=True)
                with VerticalScroll(id="item"):
                    yield Static("No review waits.", id="shown", markup=False)
            with TabPane("Fleet", id=FLEET):
                yield DataTable[Any](id="agents", cursor_type="row", zebra_stripes=True)
        yield Static(READING, id="word", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to follow."""
        self.reviews.add_columns("", "left", "risk", "agent", "act", "", "text")
        self.agents.add_columns("agent", "state", "spent today", "persona")
        self.reviews.focus()
        self.run_worker(self._follow)
        self.run_worker(self._mind)
        self.run_worker(self._listen)

    @property
    def reviews(self) -> DataTable[Any]:
        """The desk's list."""
        return cast("DataTable[Any]", self.query_one("#reviews", DataTable))

    @property
    def agents(self) -> DataTable[Any]:
        """The grid of agents."""
        return cast("DataTable[Any]", self.query_one("#agents", DataTable))

    # ── following ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        """Every change asks for a look; without the stream, looks go on at their own pace."""
        async for change in self._house.changes():
            if change.kind != "beat":
                self._news.set()

    async def _follow(self) -> None:
        while True:
            self._news.clear()
            self._asked_at_us = self._clock.now_us()
            try:
                await self._look()
            except ChimeraError as error:
                self._say_stale(str(error))
            self._asked_at_us = 0
            await self._clock.sleep(PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(LOOK_SECONDS):
                    await self._news.wait()

    async def _mind(self) -> None:
        """A look that is under way for long is said, and waited for."""
        while True:
            await self._clock.sleep(MIND_SECONDS)
            if self._asked_at_us and self._clock.now_us() - self._asked_at_us > SILENT_SECONDS * lines.MICROS:
                self._say_stale(SILENT)

    async def _look(self) -> None:
        fleet = await self._house.fleet()
        rows = await self._house.desk(limit=ROWS_MAX) if await self._may_look() else ()
        self._now_us = fleet.at_us
        self._show_fleet(fleet)
        self._show_reviews([row for row in rows if not self._desk.hides(row)])
        if self.query_one(TabbedContent).active == FLEET:
            self._show_agents(await self._house.grid(limit=AGENTS_MAX))
        if self._word().startswith((STALE, READING)):
            self._say("? for keys")

    async def _may_look(self) -> bool:
        """Whether the desk is for whoever sits here: asked once; everybody sees the fleet."""
        if self._permitted is None:
            self._permitted = (await self._house.session()).permitted
        return "review.look" in self._permitted

    def _say_stale(self, why: str) -> None:
        """Since when, once; what is on the screen stays there."""
        if not self._word().startswith(STALE):
            asked = datetime.fromtimestamp(self._asked_at_us / lines.MICROS).astimezone()
            self._say(f"{STALE} since {asked:%H:%M:%S}: {why}", bad=True)

    def _word(self) -> str:
        return str(self.query_one("#word", Static).content)

    def _show_fleet(self, fleet: FleetSummary) -> None:
        self.query_one("#fleet", Static).update(lines.fleet_lines(fleet))

    def _show_reviews(self, rows: Sequence[ReviewRow]) -> None:
        self._rows = {row.id: row for row in rows}
        self._marked &= self._rows.keys()
        cells = {row.id: lines.review_cells(row, self._now_us, marked=row.id in self._marked) for row in rows}
        _fill(self.reviews, cells)
        self._show_item()

    def _show_agents(self, rows: Sequence[AgentRow]) -> None:
        self._agents = {row.id: row for row in rows}
        _fill(self.agents, {row.id: lines.agent_cells(row) for row in rows})

    def on_data_table_row_highlighted(self) -> None:
        """Another row is under the cursor."""
        self._show_item()

    def _show_item(self) -> None:
        row = self._rows.get(_under_cursor(self.reviews))
        if row is None:
            self._item = None
            none = "No review waits." if self._permitted is None or "review.look" in self._permitted else NOT_YOURS
            self.query_one("#shown", Static).update(none)
        elif self._item is None or (self._item.id, self._item.version) != (row.id, row.version):
            self.run_worker(partial(self._read_item, row.id), exclusive=True, group="item")

    async def _read_item(self, review_id: str) -> None:
        try:
            item = await self._house.review(review_id)
        except ChimeraError as error:
            return self._say(str(error), bad=True)
        if _under_cursor(self.reviews) == review_id:
            self._item = item
            self.query_one("#shown", Static).update(lines.item_text(item, self._now_us))
            self.query_one("#item", VerticalScroll).scroll_home(animate=False)
        return None

    # ── ruling ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _shown(self) -> ReviewRow | None:
        """The review that stands on the right, whole. What was not shown is not ruled on."""
        item = self._item
        if item is None or item.id != _under_cursor(self.reviews):
            self._say("nothing is shown yet", bad=True)
            return None
        if not item.may_rule:
            self._say("you cannot rule on this one now: somebody else has it, or it is closed", bad=True)
            return None
        return item.row

    def _rule(self, row: ReviewRow, word: str, send: Send) -> None:
        self._desk.rule(row, lines.one_line(row.text)[:40] or row.kind, send)
        self._say(f"{word}; u takes it back within {UNDO_SECONDS:.0f} s")
        self._show_reviews([one for one in self._rows.values() if one.id != row.id])

    def action_approve(self) -> None:
        """Yes to exactly these bytes."""
        if row := self._shown():
            self._rule(row, "approved", lambda: self._house.approve(row))

    def action_edit(self) -> None:
        """Yes to other words."""
        row = self._shown()
        if row is None or self._item is None:
            return None
        text = str(self._item.review.question.action.arguments.get("text", ""))
        if row.about != "action" or not text:
            return self._say("there are no words to edit in this one", bad=True)
        return self._ask_for(
            Say("Other words", about="They are new bytes, and go through the gate like any.", text=text),
            lambda words: self._rule(row, "edited", lambda: self._house.edit(row, text=words)),
        )

    def action_reject(self) -> None:
        """No, and why."""
        if row := self._shown():
            self._ask_for(
                Say("Why not?", about=lines.one_line(row.text)[:ABOUT_MAX]),
                lambda why: self._rule(row, "rejected", lambda: self._house.reject(row, reason=why)),
            )

    def action_ask(self) -> None:
        """A question first."""
        if row := self._shown():
            self._ask_for(
                Say("What do you need to know first?", about=lines.one_line(row.text)[:ABOUT_MAX]),
                lambda words: self._rule(row, "asked", lambda: self._house.ask(row, question=words)),
            )

    def action_claim(self) -> None:
        """Take it, or leave it to others."""
        if row := self._rows.get(_under_cursor(self.reviews)):
            act = self._house.release if row.claimed_by else self._house.claim
            self._do(partial(act, row), "left to others" if row.claimed_by else "yours for a quarter of an hour")

    def action_mark(self) -> None:
        """Mark for approving together, where the risk allows it."""
        row = self._rows.get(_under_cursor(self.reviews))
        if row is None:
            return
        if not row.may_batch:
            return self._say("only what is of low risk is approved together", bad=True)
        self._marked ^= {row.id}
        self._show_reviews(list(self._rows.values()))
        self.reviews.action_cursor_down()

    def action_approve_marked(self) -> None:
        """Yes to all that are marked."""
        rows = [self._rows[review_id] for review_id in self._marked]
        if not rows:
            return self._say("nothing is marked; x marks", bad=True)
        self._marked.clear()
        self.run_worker(partial(self._approve_marked, rows))

    async def _approve_marked(self, rows: list[ReviewRow]) -> None:
        try:
            outcomes = await self._house.approve_many(rows)
        except ChimeraError as error:
            return self._say(str(error), bad=True)
        failed = [one.detail for one in outcomes if not one.ok]
        said = f"{len(outcomes) - len(failed)} approved"
        self._say(f"{said}, {len(failed)} not: {failed[0]}" if failed else said, bad=bool(failed))
        return self._news.set()

    def action_undo(self) -> None:
        """Take the latest ruling back."""
        self._say("taken back" if self._desk.undo() else "everything is sent already")
        self._news.set()

    # ── halts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _scope(self) -> str:
        agent = self._agents.get(_under_cursor(self.agents))
        on_fleet = self.query_one(TabbedContent).active == FLEET
        return f"agent:{agent.id}" if on_fleet and agent else "fleet"

    def action_halt(self) -> None:
        """Stop everything in a scope, after saying what that stops."""
        self.run_worker(partial(self._confirm_halt, self._scope()))

    async def _confirm_halt(self, scope: str) -> None:
        try:
            preview = await self._house.would_halt(scope)
        except ChimeraError as error:
            return self._say(str(error), bad=True)
        return self._ask_for(
            Say(f"Halt {scope}?", about=f"{preview.in_words}\nWhy, for the record:"),
            lambda why: self._do(partial(self._house.halt, scope, reason=why), f"{scope} is halted; g lifts it"),
        )

    def action_resume(self) -> None:
        """Lift the halt of a scope."""
        scope = self._scope()
        self._do(partial(self._house.resume, scope), f"{scope} goes on")

    # ── the screen itself ───────────────────────────────────────────────────────────────────────────────────────────

    def action_move(self, by: int) -> None:
        """Down or up."""
        table = self.reviews if self.query_one(TabbedContent).active == REVIEWS else self.agents
        table.move_cursor(row=table.cursor_row + by)

    def action_tab(self, name: str) -> None:
        """The desk, or the fleet."""
        self.query_one(TabbedContent).active = name
        (self.reviews if name == REVIEWS else self.agents).focus()
        self._news.set()

    def action_keys(self) -> None:
        """What every key does."""
        self.push_screen(Keys(KEYS))

    async def action_leave(self) -> None:
        """Send what waits, and go."""
        await self._desk.close()
        self.exit()

    def _ask_for(self, dialogue: Say, then: Callable[[str], None]) -> None:
        def given(words: str | None) -> None:
            if words:
                then(words)

        self.push_screen(dialogue, given)

    def _do(self, act: Send, said: str) -> None:
        self.run_worker(partial(self._done, act, said))

    async def _done(self, act: Send, said: str) -> None:
        try:
            await act()
        except ChimeraError as error:
            return self._say(str(error), bad=True)
        self._say(said)
        return self._news.set()

    def _say(self, text: str, *, bad: bool = False) -> None:
        word = self.query_one("#word", Static)
        word.set_class(bad, "bad")
        word.update(lines.one_line(text))


def _under_cursor(table: DataTable[Any]) -> str:
    """The id of the row under the cursor; empty when there is none."""
    try:
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or ""
    except CellDoesNotExist:
        return ""


def _fill(table: DataTable[Any], cells: dict[str, tuple[Any, ...]]) -> None:
    """These rows in this order; the cursor stays on its row, or where it was when that has gone."""
    before, at = _under_cursor(table), table.cursor_row
    table.clear()
    for key, row in cells.items():
        table.add_row(*row, key=key)
    known = list(cells)
    table.move_cursor(row=known.index(before) if before in cells else min(at, max(0, len(known) - 1)))
