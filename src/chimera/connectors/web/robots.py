"""What a site asks of machines in its `robots.txt` (RFC 9309): may this path be read, and how slowly. Pure.

The longest rule that fits decides, and of two as long the one that allows. Every rule is matched in one pass.
"""

from __future__ import annotations

from urllib.parse import unquote

from msgspec import Struct

BYTES_MAX = 512 * 1024
RULES_MAX = 5_000
DELAY_SECONDS_MAX = 30.0


class Rule(Struct, frozen=True):
    """One line: a beginning of a path, with `*` for anything and `$` for its end."""

    allows: bool
    path: str


class Rules(Struct, frozen=True):
    """What is asked of us on one site."""

    rules: tuple[Rule, ...] = ()
    delay_seconds: float = 0.0

    def may(self, path: str) -> bool:
        """Whether a path, with its query, may be read."""
        wanted = unquote(path) or "/"
        fitting = [rule for rule in self.rules if _fits(rule.path, wanted)]
        return max(((len(rule.path), rule.allows) for rule in fitting), default=(0, True))[1]


EVERYTHING = Rules()
NOTHING = Rules(rules=(Rule(allows=False, path="/"),))


def rules_of(text: str, *, agent: str) -> Rules:
    """The rules of the groups that name us; if none does, of those for everybody."""
    named: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    is_named = False
    for agents, lines in _groups(text):
        if agent.casefold() in agents:
            is_named = True
            named.extend(lines)
        elif "*" in agents:
            others.extend(lines)
    chosen = named if is_named else others
    rules = tuple(Rule(allows=key == "allow", path=unquote(value)) for key, value in chosen if key != "crawl-delay")
    delays = [_seconds(value) for key, value in chosen if key == "crawl-delay"]
    return Rules(rules=rules[:RULES_MAX], delay_seconds=max(delays, default=0.0))


def _groups(text: str) -> list[tuple[set[str], list[tuple[str, str]]]]:
    groups: list[tuple[set[str], list[tuple[str, str]]]] = []
    for line in text.splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().casefold(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            # Names in a row open one group together.
            if not groups or groups[-1][1]:
                groups.append((set(), []))
            groups[-1][0].add(value.casefold())
        elif key in ("allow", "disallow", "crawl-delay") and value and groups:
            groups[-1][1].append((key, value))
    return groups


def _fits(pattern: str, path: str) -> bool:
    """Each part between stars where it first occurs: what fits at all fits so."""
    is_whole = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    place = len(first)
    for number, part in enumerate(rest, start=1):
        if is_whole and number == len(rest):
            return len(path) - len(part) >= place and path.endswith(part)
        found = path.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return place == len(path) if is_whole else True


def _seconds(value: str) -> float:
    try:
        return min(max(float(value), 0.0), DELAY_SECONDS_MAX)
    except ValueError:
        return 0.0
