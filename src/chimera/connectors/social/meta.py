"""What Threads and Instagram have in common: tokens of sixty days, and posts that are containers first."""

from __future__ import annotations

from typing import Any

from chimera.connectors.social.accounts import Accounts, OfEach
from chimera.connectors.social.sessions import Session
from chimera.connectors.social.tokens import Bearer, Secret, Token, TokenBook, granted
from chimera.connectors.social.wire import TOO_MANY, Reply, Wire
from chimera.ports.clock import Clock
from chimera.ports.network import Declined

PARAMETER = "access_token"
# A token lasts sixty days, and is renewed in its last ten.
EARLY_SECONDS = 10 * 86_400
POLLS_MAX = 30
POLL_SECONDS = 1.0


def sessions(wire: Wire, accounts: Accounts, clock: Clock, *, book: TokenBook, grant: str) -> OfEach[Session]:
    """A session for each account, whose token is renewed in time."""

    async def renewed(_secret: Secret, token: Token) -> Token:
        return await longer(wire, token, clock, grant=grant)

    def opened(account: str) -> Session:
        bearer = Bearer(account, book=book, secret=lambda: accounts.secret(account), renew=renewed, clock=clock,
                        early_seconds=EARLY_SECONDS)  # fmt: skip
        return Session(wire, bearer, parameter=PARAMETER)

    return OfEach(opened)


async def contained(
    session: Session, path: str, form: dict[str, Any], clock: Clock, *, status: str
) -> dict[str, Any] | Declined:
    """A container that is ready to be published: the network fetches pictures when it gets to it."""
    made = await session.before(path, form=form)
    if not made.is_good:
        return not_made(made)
    container = str(made.body["id"])
    for _ in range(POLLS_MAX):
        told = await session.told(f"/v1.0/{container}", {"fields": status})
        match told.get(status):
            case "FINISHED":
                return {"container": container}
            case "IN_PROGRESS":
                await clock.sleep(POLL_SECONDS)
            case other:
                return Declined("image_refused", f"the network makes no post of it: {other}"[:300])
    return Declined("image_refused", "the network does not get to the picture", later=True)


def not_made(reply: Reply) -> Declined:
    """No container, no post: whatever went wrong, nobody has seen anything."""
    return Declined("declined", reply.said, later=reply.is_unclear or reply.status == TOO_MANY)


async def longer(wire: Wire, token: Token, clock: Clock, *, grant: str) -> Token:
    """A token that still works is exchanged for a longer one; one that does not, a person has to get anew."""
    query = {"grant_type": grant, PARAMETER: token.access}
    return await granted(wire.ask("GET", "/refresh_access_token", query=query), clock)
