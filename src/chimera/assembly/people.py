"""Assembles who may come in on this machine: the desk, the office's signature, and whoever sits at this home.

Beside bootstrap, which starts what this needs. Decides nothing about anybody: the desk and the permits do.
"""

from __future__ import annotations

import getpass
import re
from pathlib import Path

from msgspec import Struct

from chimera.adapters.documents.governance import load_pack, load_permits
from chimera.adapters.local.home import keep_secret, prepare_home, read_secret, secret_path, write_private
from chimera.adapters.oidc.provider import Client, OidcProvider
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.secrecy import SystemSecrecy
from chimera.adapters.vault import keys
from chimera.assembly.joining import alone
from chimera.domain.confidence import Bands
from chimera.domain.errors import Invalid, Refused
from chimera.domain.person import Principal
from chimera.domain.verbs import FLEET
from chimera.governance.halts import Halts
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.looks import Looks
from chimera.governance.noticing import Noticing
from chimera.governance.reviewers import Reviewers
from chimera.governance.reviews import Reviews
from chimera.governance.wording import Sign
from chimera.ports.store import Reads, Store
from chimera.settings import Settings

SESSION, LOCAL_TOKEN = "people-session", "people-token"


class Office(Struct, frozen=True, kw_only=True):
    """What one command of a person gets: who it is, and where that person may write."""

    store: Store
    desk: IdentityDesk
    principal: Principal
    reviews: Reviews
    reviewers: Reviewers
    halts: Halts


async def office_of(settings: Settings, store: Store) -> Office:
    """The office over a store, in the name of whoever is recognised here."""
    desk, permits = identity_desk(settings, store), load_permits()
    return Office(
        store=store, desk=desk, principal=await recognised_here(settings, desk), reviews=reviews_of(settings, store),
        reviewers=Reviewers(store=store, ids=SystemIds(), permits=permits),
        halts=Halts(store=store, ids=SystemIds(), permits=permits),
    )  # fmt: skip


async def permitted_here(settings: Settings, store: Store, verb: str) -> Principal:
    """Whoever sits here, if they may do this to the fleet."""
    desk = identity_desk(settings, store)
    principal = await recognised_here(settings, desk)
    desk.require(principal, verb, FLEET)
    return principal


async def look(office: Office, *, at: str, record: str = "") -> None:
    """Put on record that whoever sits here reads something, before it is shown: as the API does for its routes."""
    await looked(office.store, office.principal, at=at, record=record)


async def looked(store: Store, by: Principal, *, at: str, record: str = "") -> None:
    """The same for whoever was let in another way than by the office."""
    looks = Looks(store=store)
    looks.note(by, route=f"cli/{at}", record=record)
    await looks.flush()


def identity_desk(settings: Settings, store: Store) -> IdentityDesk:
    """Who comes in, over this store, with the home's key for what is kept encrypted."""
    return IdentityDesk(store=store, clock=SystemClock(), ids=SystemIds(), secrecy=secrecy_of(settings),
                        permits=load_permits())  # fmt: skip


def secrecy_of(settings: Settings) -> SystemSecrecy:
    """What is kept encrypted in the database, under a key of this home."""
    return SystemSecrecy(key=keep_secret(prepare_home(settings.folder), "people"))


def reviews_of(settings: Settings, store: Store, *, bands: Bands | None = None) -> Reviews:
    """Where people rule, with the office's signature for what they say."""
    return Reviews(store=store, permits=load_permits(), bands=bands or load_pack().bands,
                   sign=office_signature(settings))  # fmt: skip


def oidc_provider(settings: Settings) -> OidcProvider | None:
    """The provider by which people may log in, if one is set."""
    if not settings.oidc_issuer:
        return None
    needed = ("oidc_client_id", "oidc_client_secret", "oidc_redirect")
    if missing := [name for name in needed if not getattr(settings, name)]:
        raise Invalid("provider_incomplete", f"log-in by a provider is set without {' and '.join(missing)}",
                      where="oidc_issuer", remedy="set them as they are registered at the provider")  # fmt: skip
    client = Client(issuer=settings.oidc_issuer, client_id=settings.oidc_client_id,
                    client_secret=settings.oidc_client_secret, redirect=settings.oidc_redirect)  # fmt: skip
    return OidcProvider(client, clock=SystemClock())


def noticing(settings: Settings, reads: Reads) -> Noticing | None:
    """Who tells people, if anybody is to be told."""
    if not settings.notice_urls:
        return None
    # Imported when used: it is an extra, and knows a hundred services.
    from chimera.adapters.notices.by_apprise import AppriseNotices

    return Noticing(reads=reads, notices=AppriseNotices(settings.notice_urls.split()))


def office_signature(settings: Settings) -> Sign:
    """Signs people's words with the office's key, which managers do not hold."""
    home = prepare_home(settings.folder)
    folder = home / "clients"
    with alone(home, "clients"):
        return keys.load_or_make(folder / "office.key", keys.passphrase(folder, "")).sign


# ── whoever sits here ───────────────────────────────────────────────────────────────────────────────────────────────


async def recognised_here(settings: Settings, desk: IdentityDesk) -> Principal:
    """By the token in the settings, else by this home's log-in, else by this home's own token."""
    if settings.token:
        return await desk.recognise(settings.token, here=True)
    home = prepare_home(settings.folder)
    known = await _known_by_secret(home, desk)
    if known is not None:
        return known
    with alone(home, "owner"):
        # Of several first commands at once, one makes the owner, and all are that owner's.
        return await _known_by_secret(home, desk) or await _first_owner(home, desk)


async def _known_by_secret(home: Path, desk: IdentityDesk) -> Principal | None:
    for name in (SESSION, LOCAL_TOKEN):
        if secret_path(home, name).exists():
            return await desk.recognise(read_secret(secret_path(home, name)), here=True)
    return None


def nobody_here() -> Refused:
    """Why a command of nobody's is not done."""
    return Refused("not_logged_in", "there are people here, and nobody is logged in", where="this home",
                   remedy="chimera login, or set CHIMERA_TOKEN")  # fmt: skip


async def _first_owner(home: Path, desk: IdentityDesk) -> Principal:
    made = await desk.local_owner(machine_user())
    if made is None:
        raise nobody_here()
    write_private(secret_path(home, LOCAL_TOKEN), made[1])
    return made[0]


async def somebody_here(settings: Settings, store: Store) -> str:
    """Who sits here, in words. On a home without people, whoever starts it becomes its owner."""
    try:
        principal = await recognised_here(settings, identity_desk(settings, store))
    except Refused as refusal:
        return f"nobody yet: {refusal.message}; {refusal.remedy}"
    return f"{principal.name} ({', '.join(sorted(principal.roles))})"


async def entrance(settings: Settings, desk: IdentityDesk) -> str:
    """A code that lets whoever sits here into the console, once. Empty when nobody is known to sit here."""
    try:
        return desk.entrance(await recognised_here(settings, desk))
    except Refused:
        return ""


async def log_in_here(settings: Settings, desk: IdentityDesk, name: str, password: str, code: str) -> Principal:
    """Log in, and keep the session in the home, readable by its owner alone."""
    _, secret = await desk.log_in(name, password, code, "this machine")
    write_private(secret_path(prepare_home(settings.folder), SESSION), secret)
    return await desk.recognise(secret, here=True)


def forget_log_in(settings: Settings) -> None:
    """The session that this home kept is gone."""
    secret_path(prepare_home(settings.folder), SESSION).unlink(missing_ok=True)


def machine_user() -> str:
    """The system's name of whoever runs this, in the letters of a person's name."""
    try:
        name = getpass.getuser().lower()
    except (OSError, KeyError):
        name = "owner"
    return re.sub(r"[^a-z0-9._@-]|^[^a-z0-9]+", "", name)[:60] or "owner"
