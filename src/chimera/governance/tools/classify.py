"""What calling a tool does, by its name and its words. A guess for the person who pins it; unknown is a side effect.

A server's own hints never make a tool harmless: they count only where the name says the same.
"""

from __future__ import annotations

import re

from chimera.domain.tools import Definition, ToolKind

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = _words(
    "get list search read fetch find query describe show view count lookup check browse compare inspect status peek "
    "preview diff log explain validate lint summarize summarise analyze analyse measure head tail tree resolve "
    "retrieve scan stat stats info whoami ping help detect calculate suggest recommend discover"
)
# The first that is found names the kind: the gravest come first.
_GRAVE: tuple[tuple[ToolKind, frozenset[str]], ...] = (
    (ToolKind.SPEND, _words("pay payment purchase buy charge refund payout checkout transfer withdraw donate tip bid "
                            "order invoice billing subscribe subscription trade swap")),
    (ToolKind.ADMIN, _words("admin grant revoke permission permissions role roles credential credentials token "
                            "secret secrets password key keys deploy terminate shutdown restart reboot exec execute "
                            "shell command eval script drop truncate purge config configure policy policies user "
                            "users member members scale drain cordon migration protection")),
    (ToolKind.MESSAGE, _words("send message messages email mail sms dm reply notify notification invite chat call "
                              "forward")),
    (ToolKind.PUBLISH, _words("post posts publish tweet toot share broadcast announce release upload comment comments "
                              "blog story repost")),
)  # fmt: skip
_CHANGES = _words(
    "create update delete remove add set write edit insert append put patch move rename merge close open start stop "
    "cancel approve reject assign upload import export copy clear reset save store apply install uninstall enable "
    "disable click type fill press drag select run commit push pull checkout stage unstage init replace rollback "
    "archive restore lock unlock mark fork attach detach submit generate format make convert schedule send post"
)
_JOINS = _words("and or then")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, however it joins them."""
    return tuple(word.casefold() for word in _WORD.findall(name))


def classify(definition: Definition) -> ToolKind:
    """What calling this does. A verb that reads, in front, and nothing said against it; else a side effect."""
    words = words_of(definition.name)
    verb = _verb_of(words, definition.server)
    # "find and replace" reads first, and then it does not.
    joined = _JOINS.intersection(words) and (_CHANGES.intersection(words) or _grave(words))
    if verb in READS and not definition.says_destructive and not joined:
        return ToolKind.READ
    if definition.says_read_only and not _CHANGES.intersection(words) and not _grave(words):
        return ToolKind.READ
    return _grave(words) or ToolKind.WRITE


def _grave(words: tuple[str, ...]) -> ToolKind | None:
    return next((kind for kind, signs in _GRAVE if signs.intersection(words)), None)


def _verb_of(words: tuple[str, ...], server: str) -> str:
    """The first word that says what is done: names often begin with their server's own name."""
    own = set(words_of(server)) | {"mcp", "api", "tool"}
    rest = [word for word in words if word not in own]
    verbs = READS | _CHANGES
    return next((word for word in rest if word in verbs), rest[0] if rest else "")
