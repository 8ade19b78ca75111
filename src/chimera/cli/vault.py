"""`chimera vault …`: how it stands, a new key, a sealed copy and back, consents. Holds no key of the vault."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from chimera.adapters.local.home import prepare_home
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import backup as backups
from chimera.adapters.vault import persons
from chimera.adapters.vault.signer import Standing
from chimera.assembly import vaults as assembled
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain import ids
from chimera.domain.errors import Invalid
from chimera.domain.money import format_micros
from chimera.domain.review import Review
from chimera.settings import Settings, read_settings

app = typer.Typer(name="vault", help="The vault: how it stands, its keys, its backup.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
PassphraseFile = Annotated[Path | None, typer.Option(help="Where the passphrase stands; asked for if left out.")]
Second = Annotated[bool, typer.Option("--second", help="The second vault's folder instead of the first's.")]


@app.command()
def status(*, as_json: Json = False) -> None:
    """How the vault stands: its key, policy, cap, what it sealed today, what is halted, its wallets. No secret."""
    standings = stopping.run(_standings(read_settings()))
    if as_json:
        output.answer({name: msgspec.to_builtins(one) for name, one in standings.items()})
        return
    for name, one in standings.items():
        for line in _lines(name, one):
            output.tell(line)


async def _standings(settings: Settings) -> dict[str, Standing]:
    async with assembled.running_or_own_vault(settings) as vaults:
        found = {"vault": await vaults.office.status()}
        if vaults.second_office is not None:
            found["second"] = await vaults.second_office.status()
        return found


def _lines(name: str, one: Standing) -> list[str]:
    cap, halted = format_micros(one.cap_micros_day), ", ".join(one.halted) or "nothing"
    is_restored = one.spent.micros >= backups.FULL_MICROS
    sealed = "restored from a backup: until midnight UTC nothing that costs is sealed" if is_restored else (
        f"sealed today {format_micros(one.spent.micros)} of {cap}")  # fmt: skip
    return [
        f"{name}: key {one.key_id}, {one.public_keys} known; policy {one.policy_digest[:16]}",
        f"  {sealed}; halted: {halted}",
        *(f"  wallet {wallet}: {address}" for wallet, address in sorted(one.wallets.items())),
    ]


@app.command()
def rotate(*, as_json: Json = False) -> None:
    """Have the vault sign with a new key from now on. What the old one signed stays valid; nothing stops."""
    before, after = stopping.run(_rotate(read_settings()))
    if as_json:
        output.answer({"before": before, "after": after})
    else:
        output.tell(f"the vault signs with {after}; {before} verifies what it signed")


async def _rotate(settings: Settings) -> tuple[str, str]:
    async with assembled.running_or_own_vault(settings) as vaults:
        return await vaults.office.hello(), await vaults.office.rotate()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the sealed file is to lie.")],
    *,
    passphrase_file: PassphraseFile = None,
    second: Second = False,
    as_json: Json = False,
) -> None:
    """Keys, counts and lists as one file, sealed under a passphrase of its own. The vault goes on meanwhile."""
    count = backups.back_up(_folder(second=second), file, _passphrase(passphrase_file, twice=True))
    if as_json:
        output.answer({"file": str(file), "files": count})
    else:
        output.tell(f"{count} files are sealed in {file}; keep its passphrase elsewhere")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The sealed file.")],
    *,
    passphrase_file: PassphraseFile = None,
    second: Second = False,
    as_json: Json = False,
) -> None:
    """A backup to where there is no vault. Until the next UTC day it seals nothing that costs."""
    count = backups.restore(file, _folder(second=second), _passphrase(passphrase_file))
    if as_json:
        output.answer({"file": str(file), "files": count})
    else:
        output.tell(f"{count} files are restored; until midnight UTC nothing that costs is sealed or paid")


@app.command()
def person(
    name: Annotated[str, typer.Argument(help="Who it is: small letters, digits, dashes.")],
    *,
    key_file: Annotated[Path, typer.Option(help="The person's own key; made when there is none.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Let the vault trust a person's key for payments on chains. It counts when the vault is started anew."""
    secret = _passphrase(passphrase_file)
    key_id = persons.trust(_folder(second=False), name, persons.key_of(key_file, secret, make=True))
    if as_json:
        output.answer({"person": name, "key": key_id})
    else:
        output.tell(f"the vault trusts {name} by the key {key_id} from its next start")


@app.command()
def consent(
    context: typer.Context,
    review: Annotated[str, typer.Argument(help="The review of the payment.")],
    *,
    key_file: Annotated[Path, typer.Option(help="Your own key.")],
    digest: Annotated[str, typer.Option(help="The beginning of the bytes' hash that you looked at.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Sign one payment with your own key: exactly the bytes of this review, for one day. Then approve the review."""
    found = stopping.run(_review(context, review))
    if len(digest) < persons.DIGEST_LETTERS_MIN or not found.action_digest.startswith(digest):
        raise Invalid("digest_short", "these are not the bytes that you looked at", where="digest",
                      remedy="chimera review show names them")  # fmt: skip
    given = persons.consent(
        persons.key_of(key_file, _passphrase(passphrase_file), make=False), task_id=found.task_id,
        action_digest=found.action_digest, now_us=SystemClock().now_us(),
    )  # fmt: skip
    persons.keep(prepare_home(read_settings().folder) / "consents", found.task_id, found.action_digest, given)
    if as_json:
        output.answer({"review": found.id, "key": given.key_id, "expires_at_us": given.expires_at_us})
    else:
        output.tell(f"signed with {given.key_id}; approve the review to let it be paid")


async def _review(context: typer.Context, review: str) -> Review:
    async with doors_of(context).office_store() as store:
        return await store.get(Review, ids.parse(review, where="review"))


def _folder(*, second: bool) -> Path:
    return prepare_home(read_settings().folder) / ("vault-second" if second else "vault")


def _passphrase(file: Path | None, *, twice: bool = False) -> str:
    """From a file, or from the keyboard without showing it: a command line is seen by everybody on the machine."""
    if file is None:
        asked: Any = typer.prompt("passphrase", hide_input=True, confirmation_prompt=twice)
        return str(asked)
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            "passphrase_unreadable", "the passphrase cannot be read", where=str(file), remedy="check its path"
        ) from error
