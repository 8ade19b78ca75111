"""What a server's answer, or its failure, means for what was asked. The same for every network that is reached by HTTP.

Says only what is known: what was sent and not answered is silence, never a no.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from chimera.connectors.social.quotas import Quotas
from chimera.connectors.social.wire import TOO_MANY, LoginRefused, Lost, NotSent, Reply, Unreadable
from chimera.ports.network import Act, Answer, Declined, Silence

PAUSE_SECONDS = 60.0
NOT_YOURS = Declined("not_yours", "only the account's own posts can be taken down")
Found = TypeVar("Found")


async def carried_out(acting: Awaitable[Answer]) -> Answer:
    """What came of an act: what is lost on the way is silence, what was never sent is declined for now."""
    try:
        return await acting
    except LoginRefused as refused:
        return Declined("login_refused", str(refused))
    except Unreadable as error:
        # Whatever is asked for before an act shows nothing to anybody.
        return Declined("unavailable", str(error), later=error.later)
    except NotSent as error:
        return Declined("unavailable", str(error), later=True)
    except Lost as error:
        return Silence(str(error))


async def told(asking: Awaitable[Found]) -> Found | Declined:
    """What was asked for. Asking has no effect, so whatever is lost may be asked for again."""
    try:
        return await asking
    except Unreadable as error:
        return Declined("unavailable", str(error), later=error.later)
    except (NotSent, Lost) as error:
        return Declined("unavailable", str(error), later=True)


def refusal_of(reply: Reply, quotas: Quotas, account: str) -> Answer:
    """What an answer means that is not good: a pause, a no, or that nobody knows."""
    if reply.status == TOO_MANY:
        return quotas.pause(account, seconds=reply.retry_seconds or PAUSE_SECONDS)
    if reply.is_unclear:
        return Silence(reply.said)
    return Declined("declined", reply.said)


def differs(act: Act, author: str) -> Declined | None:
    """An act on somebody's post names whose it is; if the network knows better, it is another post."""
    wanted = act.arguments.get("target_account")
    if wanted is None or str(wanted) == author:
        return None
    return Declined("target_differs", "the post is somebody else's")
