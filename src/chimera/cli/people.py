"""`chimera people … | login | logout | whoami`: who may come in. No password ever stands on a command line."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import people
from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.domain import ids
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid
from chimera.domain.person import EVERYTHING, Person, Token
from chimera.governance.identity.registry import Joining
from chimera.settings import read_settings

app = typer.Typer(name="people", help="Who may log in, and what they are here for.", no_args_is_help=True)
tokens = typer.Typer(name="token", help="Tokens for programs that act for you.", no_args_is_help=True)
app.add_typer(tokens)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Name = Annotated[str, typer.Argument(help="The person's name.")]
Roles = Annotated[list[str], typer.Option("--role", help="owner, operator, reviewer, finance, auditor or viewer.")]
Within = Annotated[list[str], typer.Option("--within", help="Only for agent:ID or campaign:ID.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]
Result = TypeVar("Result")


@app.command()
def add(
    name: Name,
    *,
    role: Roles,
    within: Within = [],  # noqa: B006 – Typer copies it; nothing changes it.
    provider: Annotated[str, typer.Option(help="Who vouches for this person: 'ISSUER SUBJECT' of OIDC.")] = "",
    password_stdin: Stdin = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="No log-in by password.")] = False,
    as_json: Json = False,
) -> None:
    """Add somebody. The password is asked for, unless --no-password."""
    password = "" if no_password or provider else _password(from_stdin=password_stdin)
    joining = Joining(name=name, roles=tuple(role), password=password, within=tuple(within), provider=provider)
    _say(_office(lambda office: office.desk.add_person(office.principal, joining)), as_json=as_json)


@app.command("list")
def list_people(*, as_json: Json = False) -> None:
    """Everybody who may log in, or once could."""
    everybody = _office(lambda office: office.desk.registry.people(office.principal))
    if as_json:
        output.answer({"people": [_as_json(person) for person in everybody]})
    else:
        rows = [(one.name, ", ".join(one.roles), one.state, ", ".join(one.within) or "everywhere", _ways(one))
                for one in everybody]  # fmt: skip
        output.table(("name", "roles", "state", "within", "comes in by"), rows)


@app.command()
def roles(name: Name, *, role: Roles, as_json: Json = False) -> None:
    """Give somebody other roles, effective at once."""
    _say(_office(lambda office: office.desk.set_roles(office.principal, name, role)), as_json=as_json)


@app.command()
def disable(name: Name, *, as_json: Json = False) -> None:
    """Let nobody in as this person: sessions and tokens end at once."""
    _say(_office(lambda office: office.desk.disable_person(office.principal, name)), as_json=as_json)


@app.command()
def enable(name: Name, *, as_json: Json = False) -> None:
    """Let this person in again, with the roles and the password from before."""
    _say(_office(lambda office: office.desk.registry.enable_person(office.principal, name)), as_json=as_json)


@app.command()
def password(name: Name, *, password_stdin: Stdin = False, as_json: Json = False) -> None:
    """Set a password: your own, or as an owner anybody's. Open sessions of that person end."""
    text = _password(from_stdin=password_stdin)
    _say(_office(lambda office: office.desk.registry.set_password(office.principal, name, text)), as_json=as_json)


@app.command("totp")
def set_totp(name: Name, *, as_json: Json = False) -> None:
    """Ask for one-time codes from now on. Shows, once, the address that an app on a telephone takes."""
    uri = _office(lambda office: office.desk.registry.set_totp(office.principal, name))
    if as_json:
        output.answer({"name": name, "uri": uri})
    else:
        output.tell(uri)


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@tokens.command("issue")
def issue_token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    *,
    scope: Annotated[list[str], typer.Option("--scope", help="A verb, such as halt.set; '*' for all you may do.")],
    days: Annotated[int, typer.Option(help="How long it lasts, at most 366.")] = 30,
    as_json: Json = False,
) -> None:
    """Issue a token of your own. Its secret is shown once."""
    expires = SystemClock().now_us() + days * DAY_US
    token, secret = _office(lambda office: office.desk.issue_token(office.principal, name, scope, expires))
    if as_json:
        output.answer({**_token_as_json(token), "secret": secret})
    else:
        output.tell(secret)


@tokens.command("list")
def list_tokens(*, as_json: Json = False) -> None:
    """Your tokens."""
    found = _office(lambda office: office.desk.tokens(office.principal))
    if as_json:
        output.answer({"tokens": [_token_as_json(token) for token in found]})
    else:
        output.table(("token", "name", "scopes", "state"),
                     [(one.id, one.name, ", ".join(one.scopes), one.state) for one in found])  # fmt: skip


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(help="Its id.")], *, as_json: Json = False) -> None:
    """Revoke a token, effective at once."""
    identifier = ids.parse(token, where="token")
    closed = _office(lambda office: office.desk.revoke_token(office.principal, identifier))
    if as_json:
        output.answer(_token_as_json(closed))
    else:
        output.tell(f"{closed.name} is revoked")


# ── this home's log-in ──────────────────────────────────────────────────────────────────────────────────────────────


def login(
    name: Name,
    *,
    code: Annotated[str, typer.Option(help="The one-time code, if you have codes.")] = "",
    password_stdin: Stdin = False,
    as_json: Json = False,
) -> None:
    """Log in on this home; the session is kept in it, readable by you alone."""
    text = _password(from_stdin=password_stdin, twice=False)
    settings = read_settings()

    async def logged_in() -> dict[str, Any]:
        async with bootstrap.office_store() as store:
            desk = people.identity_desk(settings, store)
            known = await people.log_in_here(settings, desk, name, text, code)
            return {"name": known.name, "roles": sorted(known.roles)}

    _say_who(stopping.run(logged_in()), as_json=as_json)


def logout(*, as_json: Json = False) -> None:
    """End this home's session."""
    try:
        known = _office(_logged_out)
    finally:
        people.forget_log_in(read_settings())
    _say_who(known, as_json=as_json, said="was logged out")


async def _logged_out(office: Office) -> dict[str, Any]:
    await office.desk.log_out(office.principal)
    return {"name": office.principal.name, "roles": sorted(office.principal.roles)}


def whoami(*, as_json: Json = False) -> None:
    """Who you are here."""

    async def known(office: Office) -> dict[str, Any]:
        return {"name": office.principal.name, "roles": sorted(office.principal.roles)}

    _say_who(_office(known), as_json=as_json)


def _office(act: Callable[[Office], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        async with bootstrap.office() as office:
            return await act(office)

    return stopping.run(inside())


def _password(*, from_stdin: bool, twice: bool = True) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise Invalid("password_not_asked", "there is no terminal on which a password could be asked for",
                      where="password", remedy="give it on stdin with --password-stdin")  # fmt: skip
    first = getpass.getpass("password: ")
    if twice and getpass.getpass("again: ") != first:
        raise typer.BadParameter("the two differ")
    return first


def _ways(person: Person) -> str:
    ways = (("password", person.password_hash), ("code", person.totp_locked), (person.provider, person.provider))
    return ", ".join(word for word, there in ways if there) or "token"


def _say(person: Person, *, as_json: bool) -> None:
    if as_json:
        output.answer(_as_json(person))
    else:
        output.tell(f"{person.name} is {person.state}: {', '.join(person.roles)}")


def _say_who(known: dict[str, Any], *, as_json: bool, said: str = "is logged in") -> None:
    if as_json:
        output.answer(known)
    else:
        output.tell(f"{known['name']} ({', '.join(known['roles'])}) {said}")


def _as_json(person: Person) -> dict[str, Any]:
    return {"person": person.id, "name": person.name, "roles": person.roles, "state": person.state,
            "within": person.within, "provider": person.provider, "password": bool(person.password_hash),
            "totp": bool(person.totp_locked), "added_by": person.added_by}  # fmt: skip


def _token_as_json(token: Token) -> dict[str, Any]:
    return {"token": token.id, "name": token.name, "scopes": token.scopes, "state": token.state,
            "expires_at_us": token.expires_at_us, "everything": EVERYTHING in token.scopes}  # fmt: skip
