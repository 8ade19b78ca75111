"""What a terminal shows of the house, as text. What strangers wrote is shown letter by letter: nothing of it acts."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from rich.text import Text

from chimera.client.shapes import AgentRow, FleetSummary, HeldBack, ReviewItem, ReviewRow

MICROS = 1_000_000
MINUTE, HOUR, DAY = 60, 3_600, 86_400
SOON_SECONDS = 15 * MINUTE
# A fleet that is merely busy begins with everything sooner.
WAITS_LONG_SECONDS = MINUTE
NO_MANAGER = "no manager is at work: nothing is planned, judged or settled until chimera up, or chimera manager, runs"
REPLACED = "\N{REPLACEMENT CHARACTER}"
RISKS = {"ordinary": "dim", "": "dim"}
YES_NO = {
    "doubt": ("it did happen", "it did not"), "afterwards": ("let it stay", "take it down"),
    "payment": ("it was right", "pay them no more"),
}  # fmt: skip


def plain(text: str) -> str:
    """Text without what steers a terminal or turns its direction; line ends stay."""
    return "".join(
        letter
        if letter == "\n" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        else REPLACED
        for letter in text
    )


def one_line(text: str) -> str:
    """As plain text without line ends."""
    return " ".join(plain(text).split())


def usd(micros: int) -> str:
    """Money with its currency."""
    return f"{micros / MICROS:,.2f} USD"


def span_of(seconds: float) -> str:
    """A length of time in its largest unit or two."""
    whole = max(0, int(seconds))
    if whole >= DAY:
        return f"{whole // DAY} d {whole % DAY // HOUR} h"
    if whole >= HOUR:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // MINUTE} min {whole % MINUTE} s" if whole >= MINUTE else f"{whole} s"


def left_of(row: ReviewRow, now_us: int) -> Text:
    """How long there is to rule."""
    left = (row.deadline_us - now_us) / MICROS
    return Text(span_of(left) if left > 0 else "over", style="bold red" if left < SOON_SECONDS else "")


# ── the fleet ───────────────────────────────────────────────────────────────────────────────────────────────────────


def fleet_lines(found: FleetSummary) -> Text:
    """The fleet at a glance: agents, today, money, queues, halts."""
    today, spent = found.today, found.spent_today
    autonomy = "–" if found.autonomy_bp is None else f"{found.autonomy_bp / 100:.0f} %"
    money = f"spent {usd(spent.spent_micros)} of {usd(spent.cap_micros)}" if spent else "nothing spent"
    text = Text.assemble(
        ("agents ", "dim"), _counts(found.agents), ("   tasks ", "dim"), _counts(found.tasks),
        ("   reviews ", "dim"), str(sum(found.reviews.values())), "\n",
        ("today ", "dim"), f"{today.published} published, {today.held} held, {today.refused} refused",
        ("" if today.is_whole else " (counted so far)", "dim"),
        ("   autonomy ", "dim"), autonomy, ("   ", ""), money,
        ("   oldest review ", "dim"), span_of(found.oldest_review_us / MICROS),
    )  # fmt: skip
    if found.managers == 0:
        text.append(f"\n{NO_MANAGER}", style="bold red")
    if found.halted:
        text.append("\nhalted: " + ", ".join(map(one_line, found.halted)), style="bold red")
    if found.oldest_ready_us >= WAITS_LONG_SECONDS * MICROS:
        text.append(
            f"\nwork waits for a worker, the oldest for {span_of(found.oldest_ready_us / MICROS)}", style="yellow"
        )
    text.append(held_back_lines(found.held_back))
    return text


def held_back_lines(found: Sequence[HeldBack]) -> Text:
    """Why work waits, where models turn it away."""
    told = [f"\n{one_line(one.task_type)} waits: {', '.join(map(one_line, one.models))} turns it away; "
            f"{one.assignments_at_once} at once" for one in found]  # fmt: skip
    return Text("".join(told), style="yellow")


def agent_cells(row: AgentRow) -> tuple[Text, ...]:
    """One agent in the grid."""
    state = (
        Text("halted", style="bold red")
        if row.halted
        else Text(row.state, style="" if row.state == "active" else "dim")
    )
    return (Text(one_line(row.name)), state, Text(f"{usd(row.spent_micros)} of {usd(row.cap_micros)}", justify="right"),
            Text(one_line(row.persona)[:60], style="dim"))  # fmt: skip


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{many} {state}" for state, many in found.items() if many) or "none"


# ── reviews ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def review_cells(row: ReviewRow, now_us: int, *, marked: bool) -> tuple[Text, ...]:
    """One line of the desk."""
    return (Text("x" if marked else ""), left_of(row, now_us), Text(row.risk, style=RISKS.get(row.risk, "yellow")),
            Text(one_line(row.agent_name)), Text(row.kind), Text(_holder(row), style="cyan"),
            Text(one_line(row.text)[:80]))  # fmt: skip


def item_text(item: ReviewItem, now_us: int) -> Text:
    """Everything that one needs to rule on it."""
    row, question = item.row, item.review.question
    parts = Text.assemble(
        (one_line(row.agent_name), "bold"), f" · {row.kind} on {row.platform} as {one_line(row.account)}\n",
        (f"{row.state}, ", "dim"), left_of(row, now_us), (" left", "dim"), "\n\n",
    )  # fmt: skip
    for name, value in sorted(question.action.arguments.items()):
        parts.append(f"{name}\n", style="dim")
        parts.append(f"{plain(str(value))}\n\n")
    _append_list(parts, "held because", row.reasons, style="yellow")
    _append_list(parts, "rules that fired", [f"{rule.rule}: {rule.text}" for rule in item.rules])
    _append_list(parts, "the judge found", item.findings)
    parts.append(f"confidence {row.confidence_bp / 100:.0f} %   threat {row.threat}   from "
                 f"{', '.join(question.labels) or 'nobody'}{' (a stranger)' if row.tainted else ''}\n")  # fmt: skip
    room, style = ("it fits every window", "") if item.fits_budget else ("there is no room for it", "bold red")
    parts.append(f"costs {usd(row.cost_micros)}; {room}\n", style=style)
    if holder := _holder(row):
        parts.append(f"{holder}\n", style="cyan")
    parts.append(f"\n{_can_be_done(item)}", style="dim")
    return parts


def _append_list(parts: Text, title: str, lines: Sequence[str], *, style: str = "") -> None:
    if lines:
        parts.append(f"{title}\n", style="dim")
        parts.append("".join(f"  {one_line(line)}\n" for line in lines) + "\n", style=style)


def _holder(row: ReviewRow) -> str:
    if row.claimed_by:
        return f"{one_line(row.claimed_by)} looks at it"
    if row.assignee:
        return f"for {one_line(row.assignee)}"
    return f"{one_line(row.first_yes_by)} said yes" if row.first_yes_by else ""


def _can_be_done(item: ReviewItem) -> str:
    if not item.may_rule:
        return "you cannot rule on this one now"
    is_payment = item.row.about == "afterwards" and bool(item.review.question.action.recipient)
    yes, no = YES_NO.get("payment" if is_payment else item.row.about, ("approve", "reject"))
    edit = "e edit   " if item.row.about == "action" else ""
    return f"a {yes}   {edit}r {no}   q ask   c take it"
