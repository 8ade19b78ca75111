"""A network that knows no key of ours, as one that does: what is begun stands in a journal before it is sent.

A post that may have been sent is looked for among the account's own by words and time, and never sent again blindly.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from chimera.connectors.social.accounts import Accounts, Labels
from chimera.connectors.social.answers import NOT_YOURS, carried_out, told
from chimera.connectors.social.journal import Begun, Journal
from chimera.connectors.social.limits import POSTS, Limits
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence

SKEW_US = 5_000_000  # A server writes whole seconds, by a clock that is not ours.


class Own(Struct, frozen=True, kw_only=True):
    """One of an account's own posts, as the network shows it."""

    receipt: dict[str, Any]
    text: str
    at_us: int
    in_reply_to: str = ""


class Newest(Struct, frozen=True, kw_only=True):
    """The newest of an account's own posts, and what may not be among them."""

    posts: tuple[Own, ...]
    has_older: bool = False
    hides: str = ""  # Why one that is there may not be shown; "" where all are.


def already(act: Act, author: str) -> Accepted | Declined | None:
    """What a take-down comes to before anything is sent: what is gone is taken down, what is another's stays."""
    if not author:
        return Accepted({"id": str(act.arguments["post_id"])})
    return None if author.casefold() == act.account.casefold() else NOT_YOURS


class Platform(Protocol):
    """What is one network's alone. May raise `NotSent` and `Lost`."""

    def fault_in(self, act: Act) -> Declined | None:
        """Why an act can never work, without asking anybody."""
        ...

    async def labelled(self, account: str) -> Declined | None:
        """The account says of itself that it is a machine; or why it does not."""
        ...

    async def prepared(self, act: Act) -> dict[str, Any] | Declined:
        """What a post needs before it is one. Shows nothing to anybody; kept in the journal."""
        ...

    async def published(self, act: Act, prepared: dict[str, Any]) -> Answer:
        """The one call that everybody sees."""
        ...

    async def done(self, act: Act) -> Answer:
        """An act that is no post: doing it twice is doing it once."""
        ...

    async def own(self, account: str, beneath: str, /) -> Newest:
        """The account's newest posts, or those that answer one, where the network lists them by that."""
        ...

    async def read(self, account: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One of the views."""
        ...


class JournaledNetwork:
    """Implements `ports.network.Network` for one platform, for the accounts that it was given."""

    def __init__(self, platform: Platform, *, accounts: Accounts, journal: Journal, limits: Limits) -> None:
        self._platform = platform
        self._accounts = accounts
        self._journal = journal
        self._limits = limits
        self._labels = Labels()

    async def act(self, act: Act) -> Answer:
        """Do it once: what is lost on the way is silence, what was never sent is declined for now."""
        account = self._accounts.of(act.account)
        if isinstance(account, Declined):
            return account
        if refused := self._journal.taken(act) or self._platform.fault_in(act):
            return refused
        known = self._journal.of(act.key)
        if known is not None and known.receipt is not None:
            return Accepted(known.receipt)
        if known is not None and act.kind in POSTS:
            return Silence("it was begun before, and is to be looked for")
        if refused := self._limits.take(account, act.kind):
            return refused
        return await carried_out(self._acted(account, act))

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """By the journal, and then by the account's own posts."""
        known = self._accounts.of(account)
        if isinstance(known, Declined):
            return known
        begun = self._journal.sought(key)
        return await told(self._sought(known, begun)) if isinstance(begun, Begun) else begun

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """One of the views."""
        account = self._accounts.of(arguments.get("account"))
        if isinstance(account, Declined):
            return account
        return await told(self._platform.read(account, tool, arguments))

    async def _acted(self, account: str, act: Act) -> Answer:
        if refused := await self._labels.ensured(account, lambda: self._platform.labelled(account)):
            return refused
        return await (self._post(act) if act.kind in POSTS else self._platform.done(act))

    async def _post(self, act: Act) -> Answer:
        prepared = await self._platform.prepared(act)
        if isinstance(prepared, Declined):
            return prepared
        note = {"text": str(act.arguments["text"]), "in_reply_to": str(act.arguments.get("in_reply_to", ""))}
        begun = self._journal.begin(act, note)
        answer = await self._platform.published(act, prepared)
        if isinstance(answer, Accepted):
            self._journal.finish(begun, answer.receipt)
        return answer

    async def _sought(self, account: str, begun: Begun) -> Accepted | Declined | None:
        """The account's own post that has these words, is not older than the act, and belongs to no other key."""
        newest = await self._platform.own(account, str(begun.note["in_reply_to"]))
        taken = {str(receipt.get("id")) for receipt in self._journal.receipts()}
        for post in newest.posts:
            if str(post.receipt["id"]) not in taken and _is_of(post, begun):
                self._journal.finish(begun, post.receipt)
                return Accepted(post.receipt)
        oldest_us = min((post.at_us for post in newest.posts), default=0)
        if newest.has_older and oldest_us > begun.at_us - SKEW_US:
            why = f"more than {len(newest.posts)} posts were made since: a person has to look"
            return Declined("not_sought", why)
        return Declined("not_sought", newest.hides) if newest.hides else None


def _is_of(post: Own, begun: Begun) -> bool:
    return (
        post.at_us >= begun.at_us - SKEW_US
        and post.in_reply_to == begun.note["in_reply_to"]
        and letters(post.text) == letters(str(begun.note["text"]))
    )


def letters(text: str) -> str:
    """A text by its letters and digits, since servers set marks and spaces as they like."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
