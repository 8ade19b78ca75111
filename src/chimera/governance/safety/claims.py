"""The safety rules about what a text points to and asserts: links, claims without a source, avoided topics. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chimera.domain.decision import Question
from chimera.governance import texts
from chimera.governance.safety.finding import Finding, Severity
from chimera.governance.safety.relations import is_public

LINKS_MAX = 2
_SHORTENERS = frozenset(
    {"bit.ly", "t.co", "tinyurl.com", "goo.gl", "ow.ly", "is.gd", "buff.ly", "rb.gy", "cutt.ly", "t.ly", "shorturl.at"}
    | {"tiny.cc", "lnkd.in", "rebrand.ly"}
)
_DANGEROUS = re.compile(r"\b(?:javascript|data|vbscript|file):\S", re.I)
_IP_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]|0x[0-9a-f]+|\d{8,10}", re.I)
_CLAIM = re.compile(
    r"\b(?:studies|scientists|experts|doctors|dentists|researchers|statistics|data|science|research)\s+"
    r"(?:have\s+|has\s+)?(?:shows?|shown|says?|agrees?|proves?|proved|proven|confirms?|confirmed|finds?|found"
    r"|suggests?|suggested|recommends?|recommended|warns?|warned)\b"
    r"|\b(?:according to|it (?:is|has been)) (?:a study|research|scientists|experts|proven|scientific(?:ally)?)\b"
    r"|\b(?:scientifically|clinically) proven\b|\b\d{1,3}(?:\.\d+)?\s?(?:%|percent|per cent) of (?:all |the )?"
    r"(?:people|users|players|adults|children|women|men|americans|europeans|patients|doctors|dentists|experts"
    r"|scientists|parents|students|workers|customers|companies)\b",
    re.I,
)
_CLAIM_SIGNS = (
    "stud",
    "scien",
    "expert",
    "doctors",
    "dentists",
    "research",
    "statistics",
    "data ",
    "%",
    "percent",
    "per cent",
)


def links(question: Question, text: str) -> Iterator[Finding]:
    """Links lead where they seem to lead, and are few."""
    if ":" in text and (hidden := _DANGEROUS.search(text)):
        says = "runs something instead of leading somewhere"
        yield Finding("link-dangerous", Severity.HARM, says, "leave it out", hidden.start(), hidden.end())
    found = texts.links(text) if "." in text else ()
    if len(found) > LINKS_MAX and is_public(question):
        yield Finding("links-many", Severity.CAUTION, f"has {len(found)} links", f"keep {LINKS_MAX}")
    for link in found:
        if problem := _problem(link):
            rule, severity, says, suggestion = problem
            start = text.find(link)
            yield Finding(rule, severity, says, suggestion, start, start + len(link))


def _problem(link: str) -> tuple[str, Severity, str, str] | None:
    authority = re.sub(r"^[a-z]+://", "", link.lower()).partition("/")[0].partition("?")[0].partition("#")[0]
    host = authority.rpartition("@")[2].partition(":")[0] if not authority.startswith("[") else authority
    if "@" in authority:
        return "link-disguised", Severity.HARM, "hides its host behind a name", "give the plain address"
    if _IP_HOST.fullmatch(host):
        return "link-number", Severity.HARM, "leads to a bare number", "give the name of the site"
    if host in _SHORTENERS or host.removeprefix("www.") in _SHORTENERS:
        return "link-short", Severity.CAUTION, "hides where it leads", "give the full address"
    if "xn--" in host or not host.isascii():
        return "link-lookalike", Severity.CAUTION, "has letters that look like others", "check who owns that name"
    return None


def unsourced(question: Question, text: str) -> Iterator[Finding]:
    """Who says that science says so gives the source."""
    if not is_public(question):
        return
    lowered = text.lower()
    if not any(sign in lowered for sign in _CLAIM_SIGNS) or texts.links(text):
        return
    if claim := _CLAIM.search(text):
        says = f"claims {claim.group()[:60]!r} and gives no source"
        yield Finding("unsourced-claim", Severity.CAUTION, says, "link the source", claim.start(), claim.end())


def avoided(question: Question, text: str) -> Iterator[Finding]:
    """What the persona's manifest tells it to keep away from."""
    for topic in texts.mentioned(text, question.avoid) if question.avoid and is_public(question) else ():
        start = max(text.casefold().find(topic.casefold()), 0)
        says = f"the persona keeps away from {topic[:60]!r}"
        yield Finding("brand-avoided", Severity.CAUTION, says, "leave it out", start, start + len(topic))
