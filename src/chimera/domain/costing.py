"""What one task cost: by the holds that were captured for it, and by what its attempts say of models. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.action import Action
from chimera.domain.attempt import Attempt
from chimera.domain.budget import MODEL_CALLS, Hold
from chimera.domain.draft import Call
from chimera.domain.errors import Invalid
from chimera.domain.money import parse_price
from chimera.domain.quotas import POST_KINDS
from chimera.domain.task import Task

ATTEMPTS_LOOKED_AT_MAX = 200
PLATFORM_FEE, PLATFORM_FEE_MICROS = "platform_fee", 1_000
OTHERS = "*"
STORAGE, STUDIO_TOOLS, TOOLS = "storage", ("card", "chart", "collage", "painting", "film"), "tools"
PAINTING = "painting"
GIGABYTE = 1_000_000_000


class TaskCost(Struct, frozen=True, kw_only=True):
    """The cost of one task, which is the cost of what it made: a post, a clip, a note. Its class is its type.

    `model_micros` was held before the calls where models are paid for, and metered with the result otherwise;
    `paid_micros` was captured for everything else, by category: its act, the tools it called, what it keeps of media.
    """

    task_id: str
    campaign_id: str
    agent_id: str
    task_type: str
    state: str
    attempts: int
    model_micros: int
    paid_micros: int
    total_micros: int
    held_micros: int
    categories: dict[str, int]


class Fees(Struct, frozen=True):
    """What networks take for one post or reply, by their names; `*` is what all others take."""

    micros: dict[str, int]

    def on(self, action: Action) -> Action:
        """The act with its fee, whatever its proposer believes that it costs. Only what is published has one."""
        if action.kind not in POST_KINDS:
            return action
        fee = self.micros.get(action.platform, self.micros.get(OTHERS, PLATFORM_FEE_MICROS))
        if (action.cost_micros, action.category) == (fee, PLATFORM_FEE):
            return action
        return replace(action, cost_micros=fee, category=PLATFORM_FEE)


def read_fees(text: str) -> Fees:
    """The fees as they are set: `x=0.01, mastodon=0, *=0.002`."""
    return Fees(_read_prices(text, where="platform_fees", of="a network", such="x=0.01"))


def read_prices(text: str) -> dict[str, int]:
    """What one call of each tool costs, in micros: `weather=0.002, archive=0.01`."""
    return _read_prices(text, where="tool_prices", of="a tool", such="weather=0.002")


def _read_prices(text: str, *, where: str, of: str, such: str) -> dict[str, int]:
    prices: dict[str, int] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        name, equals, amount = (part.strip() for part in entry.partition("="))
        if not equals or not name or name in prices:
            raise Invalid("price_malformed", f"{entry[:60]!r} is not the price of {of}", where=where,
                          remedy=f"write each once, with what it costs: {such}")  # fmt: skip
        prices[name] = parse_price(amount, where=f"{where}.{name[:40]}")
    return prices


def storage_micros(stored_bytes: int, *, gigabyte_micros: int) -> int:
    """What it costs to keep so many bytes, rounded up."""
    return -(-stored_bytes * gigabyte_micros // GIGABYTE)


def parts_of(calls: Iterable[Call]) -> dict[str, int]:
    """What of these calls' cost is not for models: tools by their prices, and the studio's answers by their bytes.

    A painting costs what the model that painted it does.
    """
    parts: dict[str, int] = {}
    for call in calls:
        if call.kind == "tool" and call.cost_micros and call.name != PAINTING:
            name = STORAGE if call.name in STUDIO_TOOLS else TOOLS
            parts[name] = parts.get(name, 0) + call.cost_micros
    return parts


def model_hold_id(task_id: str, version: int) -> str:
    """The id of what is set aside for the models of a task, as it was leased at this version."""
    return ids.derive(task_id, "model-calls", str(version))


def hold_ids(task: Task) -> Iterator[str]:
    """The ids of every hold that there can have been for a task: they derive from its versions."""
    for version in range(max(1, task.version - ATTEMPTS_LOOKED_AT_MAX), task.version + 1):
        yield model_hold_id(task.id, version)
        yield ids.derive(ids.derive(task.id, "grant", str(version)), "hold")


def cost_of(task: Task, *, holds: Iterable[Hold], attempts: Sequence[Attempt]) -> TaskCost:
    """The sum of it. What was held for models counts all calls; without such holds, the attempts on record do."""
    found = tuple(holds)
    spent: Counter[str] = Counter()
    for hold in found:
        parts = hold.captured_parts
        spent.update(parts)
        spent[hold.category or "other"] += hold.captured_micros - sum(parts.values())
    is_held = any(hold.category == MODEL_CALLS for hold in found)
    model_micros = spent.pop(MODEL_CALLS, 0) if is_held else sum(map(_called_micros, attempts))
    categories = {name: micros for name, micros in spent.items() if micros}
    paid_micros = sum(categories.values())
    return TaskCost(
        task_id=task.id,
        campaign_id=task.campaign_id,
        agent_id=task.agent_id,
        task_type=task.spec.name,
        state=str(task.state),
        attempts=task.attempt,
        model_micros=model_micros,
        paid_micros=paid_micros,
        total_micros=model_micros + paid_micros,
        held_micros=sum(hold.amount_micros for hold in found if hold.state == "held"),
        categories=categories,
    )


def _called_micros(attempt: Attempt) -> int:
    return sum(call.cost_micros for call in (*attempt.calls, *attempt.judge_calls))
