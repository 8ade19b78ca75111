"""What a manifest has to be beyond its form: true to itself, honest about being an AI, readable. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chimera.adapters.documents.document import Document
from chimera.domain.errors import Invalid
from chimera.domain.faults import Fault, Path, shown
from chimera.domain.money import parse_amount
from chimera.domain.permissions import PERMISSIONS
from chimera.domain.spec import Spec
from chimera.domain.variants import WITHOUT
from chimera.governance import texts
from chimera.governance.schemas import suggestion

_SAYS_AI = re.compile(r"\b(AI|A\.I\.|KI|IA|artificial|automated|bot|robot|machine)(?!\w)", re.IGNORECASE)
_NEEDS_ACCOUNT = frozenset({"post.publish", "post.reply", "post.like", "account.block"})


def objections(document: Document, specs: Mapping[str, Spec]) -> Iterator[Fault]:
    """Everything that is wrong with a manifest whose form is right."""
    yield from hidden_letters(document)
    yield from _persona(document)
    yield from _rights(document)
    yield from _models(document, specs)
    yield from _money(document)
    yield from _schedule(document)
    yield from _variants(document)


def hidden_letters(document: Document) -> Iterator[Fault]:
    """A person reads this before installing it: nothing in it may look different from what it is."""
    for path, text in _all_texts(document.value):
        if letter := texts.invisible(text):
            yield document.fault(path, f"the invisible letter {letter} stands in the text", "remove it")


def repeats(document: Document, path: Path, values: list[Any], *, noun: str) -> Iterator[Fault]:
    """A name that stands in a list twice."""
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield document.fault((*path, index), f"the {noun} {shown(value)} stands here twice", "remove one")
        seen.add(value)


def _all_texts(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, part in cast("dict[str, Any]", value).items():
                yield from _all_texts(part, (*path, key))
        case list():
            for index, part in enumerate(cast("list[Any]", value)):
                yield from _all_texts(part, (*path, index))
        case _:
            pass


def _persona(document: Document) -> Iterator[Fault]:
    persona = document.value["persona"]
    if not _SAYS_AI.search(persona["disclosure"]):
        yield document.fault(
            ("persona", "disclosure"),
            f"{shown(persona['disclosure'])} does not say that it is an AI",
            'say it in plain words, such as "[AI persona]"',
        )
    for part in ("name", "voice", "disclosure"):
        if not persona[part].strip():
            yield document.fault(("persona", part), "only spaces are written here", "write something")
        elif gaps := texts.placeholders(persona[part]):
            yield document.fault(("persona", part), f"{shown(gaps[0])} was not filled in", "write what belongs there")
    names = [one["name"] for one in persona.get("cast", ())]
    yield from repeats(document, ("persona", "cast"), names, noun="name")


def _rights(document: Document) -> Iterator[Fault]:
    value = document.value
    for part, noun in (("permissions", "permission"), ("capabilities", "skill")):
        yield from repeats(document, (part,), value[part], noun=noun)
    accounts = value.get("accounts", [])
    yield from repeats(document, ("accounts",), [account["platform"] for account in accounts], noun="network")
    needing = [name for name in value["permissions"] if name in _NEEDS_ACCOUNT]
    if needing and not accounts:
        index = value["permissions"].index(needing[0])
        yield document.fault(
            ("permissions", index),
            f"{needing[0]!r} needs an account, and there is none",
            "add accounts, with platform and handle",
        )
    yield from repeats(document, ("handover",), [one["stage"] for one in value.get("handover", ())], noun="stage")


def _models(document: Document, specs: Mapping[str, Spec]) -> Iterator[Fault]:
    value = document.value
    for name in value.get("models", {}):
        path: Path = ("models", name)
        if name not in specs:
            yield document.fault(path, f"there is no task type {shown(name)}", suggestion(name, sorted(specs)))
            continue
        lacking = sorted(set(specs[name].permissions) - set(value["permissions"]))
        if lacking:
            yield document.fault(
                path,
                f"{name} needs the permission {lacking[0]!r}, which is not asked for",
                f"add it ({PERMISSIONS[lacking[0]].meaning}), or remove this entry",
            )
        if specs[name].skill not in value["capabilities"]:
            yield document.fault(path, f"{name} needs the skill {specs[name].skill!r}", "add it to capabilities")


def _money(document: Document) -> Iterator[Fault]:
    if "day" not in (budget := document.value.get("budget", {})):
        return
    try:
        parse_amount(budget["day"])
    except Invalid as error:
        yield document.fault(("budget", "day"), error.message, error.remedy)


def _schedule(document: Document) -> Iterator[Fault]:
    schedule = document.value.get("schedule", {})
    if not _is_zone(schedule.get("timezone", "UTC")):
        yield document.fault(
            ("schedule", "timezone"),
            f"{shown(schedule['timezone'])} is not a time zone",
            "write UTC, or a city's zone such as Europe/Paris",
        )
    for index, hours in enumerate(schedule.get("hours", ())):
        if hours["opens"] >= hours["closes"]:
            yield document.fault(
                ("schedule", "hours", index, "closes"),
                "it closes before it opens",
                "for a night, write two entries: until 23:59, and from 00:00",
            )


def _variants(document: Document) -> Iterator[Fault]:
    """What is tried out has to be open to the agent, and to whoever looks what came of it."""
    value = document.value
    variants = value.get("variants", {})
    for part, noun in (("styles", "style"), ("media", "kind"), ("times", "time")):
        yield from repeats(document, ("variants", part), variants.get(part, []), noun=noun)
    needed = {"mentions.read": bool(variants), "media.make": any(one != WITHOUT for one in variants.get("media", ()))}
    for name, is_needed in needed.items():
        if is_needed and name not in value["permissions"]:
            yield document.fault(
                ("variants",),
                f"what is tried out needs the permission {name!r}, which is not asked for",
                f"add it ({PERMISSIONS[name].meaning}), or remove this part",
            )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
