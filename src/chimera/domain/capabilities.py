"""The skills of the house by name: what a task type may ask for and an agent may be capable of. Pure."""

from __future__ import annotations

SKILLS: dict[str, str] = {
    "trends": "finds what people are talking about, and scores it",
    "copy": "writes posts and replies in the persona's voice",
    "media": "makes pictures, narration and short video",
    "community": "reads mentions and decides whom to answer, like or leave alone",
    "research": "gathers facts with their sources",
    "commerce": "compares offers, writes invoices and asks for payments",
    "analytics": "says what worked and what it cost",
    "chronicle": "turns a repository's commit into an episode",
    "calendar": "finds times that suit all, keeps meetings and tasks",
    "relay": "hands on what an outside agent wrote, word for word",
    "bench": "answers at once, to measure the house",
}
