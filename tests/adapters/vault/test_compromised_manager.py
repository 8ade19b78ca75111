"""A manager in an attacker's hands: its login to the store and its key to the vault. What it cannot get is a seal.

The vault's process and the connection are real. The attacker commits whatever rows a manager may, and asks for seals.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chimera.adapters.documents.governance import DEFAULT_PACK, load_files
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import keys
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.adapters.vault.process import Begin
from chimera.domain.action import TAKE_DOWN
from chimera.domain.decision import Approver
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Refused
from chimera.domain.grant import Terms
from chimera.governance import wording
from chimera.governance.policy.pack import pack_of
from chimera.governance.wording import Word
from tests.adapters.vault.test_server import terms
from tests.small_house import PACK, SmallHouse

pytestmark = pytest.mark.requirement("R-N1", "R-D8", "R-E4")
OVER_50, CAP = 60_000_000, 500_000_000
OLGA = Approver("olga", "owner")


class Attacker:
    """What somebody has who has taken over a manager."""

    def __init__(self, vault: VaultClient, key: Ed25519PrivateKey) -> None:
        self.vault = vault
        self.key = key

    async def asks(self, **claims: object) -> str:
        """The code with which the vault refuses a grant that was made up; empty when it seals it."""
        try:
            await self.vault.seal([terms(**{"policy_digest": PACK.digest, **claims})])
        except ChimeraError as refusal:
            return refusal.code
        return ""


class House:
    """The vault's process, with the office beside it."""

    def __init__(self, attacker: Attacker, office: Ed25519PrivateKey, keeper: VaultClient) -> None:
        self.attacker = attacker
        self.office = office
        self.keeper = keeper
        self.digest = PACK.digest

    def word(
        self, made: Terms, by: Approver = OLGA, *, key: Ed25519PrivateKey | None = None, days: float = 1,
        person: str = "", risk: str = "ordinary",
    ) -> str:  # fmt: skip
        until_us = time.time_ns() // 1_000 + int(days * DAY_US)
        said = Word(person=person or by.name, name=by.name, role=by.role, risk=risk, until_us=until_us)
        return wording.given((key or self.office).sign, said, task_id=made.task_id, digest=made.action_digest)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    manager, office = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    for name, key in (("manager", manager), ("office", office), ("effects", Ed25519PrivateKey.generate())):
        keys.publish(tmp_path / "clients" / f"{name}.pub", key)
    order = VaultOrder(folder=tmp_path, socket=tmp_path / "s", policy_digest=PACK.digest, cap_micros_day=CAP,
                       begin=Begin(passphrase="x"), pack=DEFAULT_PACK)  # fmt: skip
    async with kept_vault(order):
        clock = SystemClock()
        mine = VaultClient(tmp_path / "s", client="manager", key=manager, clock=clock)
        keeper = VaultClient(tmp_path / "s", client="office", key=office, clock=clock)
        await keeper.halt(())
        try:
            yield House(Attacker(mine, manager), office, keeper)
        finally:
            await mine.close()
            await keeper.close()


def payment(**more: object) -> dict[str, object]:
    return {"action_kind": "payment.send", "platform": "sandbox.pay", "cost_micros": OVER_50, **more}


async def test_what_policy_never_allows_without_a_person(house: House) -> None:
    attacker = house.attacker
    assert await attacker.asks(**payment()) == "vault_policy_denies"
    assert await attacker.asks(action_kind=TAKE_DOWN, cost_micros=0) == "vault_policy_denies"
    for unknown in ("wire.transfer", "", "post.publish ", "payment.sendx", "account.delete"):
        assert await attacker.asks(action_kind=unknown, cost_micros=0) == "vault_policy_denies"


async def test_a_person_who_is_named_and_said_nothing(house: House) -> None:
    for name in ("olga", "root", " "):
        assert await house.attacker.asks(**payment(approver=name)) == "vault_word_missing"
    assert await house.attacker.asks(approver="olga") == "vault_word_missing"


Forge = Callable[[House, Terms], str]
FORGERIES: dict[str, Forge] = {
    "signed by the manager's own key": lambda house, made: house.word(made, key=house.attacker.key),
    "for another task": lambda house, made: house.word(msgspec.structs.replace(made, task_id=terms().task_id)),
    "for other bytes": lambda house, made: house.word(msgspec.structs.replace(made, action_digest="1" * 64)),
    "of somebody else": lambda house, made: house.word(made, Approver("rita", "reviewer")),
    "too old": lambda house, made: house.word(made, days=-0.001),
    "in a role that may not rule": lambda house, made: house.word(made, Approver("olga", "viewer")),
    "with another role written over it": lambda house, made: _over(house.word(made, Approver("olga", "reviewer")),
        role="owner"),
    "with a later time written over it": lambda house, made: _over(house.word(made, days=-0.001), until_us=10**16),
    "with another class written over it": lambda house, made: _over(house.word(made, risk="legal"), risk="ordinary"),
    "said twice": lambda house, made: f"{house.word(made)};{house.word(made)}",
    "that is no word": lambda house, made: "owner 9999999999999999 00",
    "that is empty": lambda house, made: "",
    "that is odd": lambda house, made: "a b c d e",
}  # fmt: skip


def _over(word: str, **claims: object) -> str:
    content, signature = word.split(" ")
    return f"{msgspec.json.encode(msgspec.json.decode(bytes.fromhex(content)) | claims).hex()} {signature}"


@pytest.mark.parametrize("how", FORGERIES)
async def test_a_word_that_is_forged_replayed_expired_or_another_agents(house: House, how: str) -> None:
    made = terms(**payment(policy_digest=PACK.digest, approver="olga"))
    claimed = msgspec.structs.replace(made, word=FORGERIES[how](house, made))
    with pytest.raises(Refused) as refusal:
        await house.attacker.vault.seal([claimed])
    assert refusal.value.code == "vault_word_missing"


async def test_a_word_in_too_low_a_role_is_a_word_and_not_enough(house: House) -> None:
    made = terms(**payment(policy_digest=PACK.digest, approver="rita"))
    claimed = msgspec.structs.replace(made, word=house.word(made, Approver("rita", "reviewer")))
    with pytest.raises(Refused) as refusal:
        await house.attacker.vault.seal([claimed])
    assert refusal.value.code == "vault_policy_denies"


RITA = Approver("rita", "owner")
TWO_FOR = ("legal", "payment.send")
ONE_YES: dict[str, Callable[[House, Terms], tuple[str, str]]] = {
    "of one person": lambda house, made: ("olga", house.word(made, risk="legal")),
    "of one person, twice": lambda house, made: ("olga, olga", ";".join(
        house.word(made, risk="legal", days=days) for days in (1, 2))),
    "of one person under two names": lambda house, made: ("olga, o. k.", ";".join(
        house.word(made, Approver(name, "owner"), person="olga", risk="legal") for name in ("olga", "o. k."))),
    "of one whose name reads like two": lambda house, made: ("olga, rita", house.word(
        made, Approver("olga, rita", "owner"), risk="legal")),
}  # fmt: skip


@pytest.fixture
async def strict(house: House) -> House:
    """The same house, where the law and payments take two persons' yes."""
    bands = msgspec.json.encode(msgspec.structs.replace(PACK.bands, two_persons=TWO_FOR)).decode()
    files = msgspec.structs.replace(load_files(DEFAULT_PACK), bands=bands)
    await house.keeper.govern(files, digest=pack_of(files).digest)
    house.digest = pack_of(files).digest
    return house


async def refused(house: House, made: Terms, *, approver: str, word: str) -> str:
    try:
        await house.attacker.vault.seal([msgspec.structs.replace(made, approver=approver, word=word)])
    except Refused as refusal:
        return refusal.code
    return ""


@pytest.mark.parametrize("kind", ["payment.send", TAKE_DOWN])
@pytest.mark.parametrize("how", ONE_YES)
async def test_one_yes_where_two_persons_are_needed(strict: House, how: str, kind: str) -> None:
    """By the kind of action, which the vault sees, or by the risk, which the person was shown and the office signed."""
    made = terms(policy_digest=strict.digest, action_kind=kind, cost_micros=OVER_50 if kind == "payment.send" else 0)
    approver, word = ONE_YES[how](strict, made)
    assert await refused(strict, made, approver=approver, word=word) == "vault_policy_denies"


async def test_two_persons_are_enough_and_the_lower_role_counts(strict: House) -> None:
    made = terms(policy_digest=strict.digest, **payment())
    words = strict.word(made, OLGA, risk="legal"), strict.word(made, RITA, risk="legal")
    assert await refused(strict, made, approver="olga, rita", word=";".join(words)) == ""
    assert await refused(strict, made, approver="rita, olga", word=";".join(words)) == "vault_word_missing"
    low = strict.word(made, Approver("rob", "reviewer"))
    assert await refused(strict, made, approver="olga, rob", word=f"{words[0]};{low}") == "vault_policy_denies"


async def test_one_bad_leaf_seals_nothing(house: House) -> None:
    leaves = [terms(policy_digest=PACK.digest), terms(**payment(policy_digest=PACK.digest))]
    with pytest.raises(Refused):
        await house.attacker.vault.seal(leaves)


async def test_another_policy_a_cap_and_a_halt(house: House) -> None:
    assert await house.attacker.asks(policy_digest="f" * 64) == "vault_policy_differs"
    assert await house.attacker.asks(cost_micros=CAP + 1, action_kind="post.publish") == "vault_over_cap"
    assert await house.attacker.asks(expires_at_us=time.time_ns() // 1_000 + DAY_US) == "vault_expiry"
    await house.keeper.halt(("platform:sandbox",))
    assert await house.attacker.asks() == "halted"


async def test_it_cannot_lift_a_halt_or_speak_as_the_office(house: House) -> None:
    with pytest.raises(Refused) as refusal:
        await house.attacker.vault.halt(())
    assert refusal.value.code == "vault_not_permitted"


async def test_what_a_person_said_and_policy_allows_is_sealed(house: House) -> None:
    """Otherwise the refusals above say nothing."""
    made = terms(**payment(policy_digest=PACK.digest, approver="olga"))
    sealed = await house.attacker.vault.seal([msgspec.structs.replace(made, word=house.word(made))])
    assert sealed.signature
    assert await house.attacker.asks() == ""
    assert await house.attacker.asks(action_kind="note.keep", platform="house", cost_micros=0) == ""


async def test_a_grant_that_is_only_a_row_is_not_performed() -> None:
    """It may write a grant that policy denies into the store; without a seal nothing comes of it."""
    small = await SmallHouse().open()
    granted = await small.grant(seal=False)
    with pytest.raises(Refused) as refusal:
        await small.effects().perform(granted.grant.id)
    assert refusal.value.code == "grant_unsealed"
    assert small.deeds() == 0


async def test_the_vault_does_not_start_under_a_pack_that_was_not_named(tmp_path: Path) -> None:
    keys.publish(tmp_path / "clients" / "manager.pub", Ed25519PrivateKey.generate())
    keys.publish(tmp_path / "clients" / "office.pub", Ed25519PrivateKey.generate())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chimera.adapters.vault.process", "--folder", str(tmp_path), "--socket",
        str(tmp_path / "s"), "--policy-digest", "0" * 64, "--cap-micros-day", "1", "--pack", str(DEFAULT_PACK),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(b"{}\n")
    assert process.returncode != 0
    # Its one line is why, and not that it is ready.
    assert msgspec.json.decode(out)["code"] == "vault_pack_differs"
    assert b"Traceback" not in err


async def test_an_agents_key_and_its_badges_come_from_the_vault_and_a_manager_cannot_rotate_them(house: House) -> None:
    agent, task = terms().agent_id, terms().task_id
    first = await house.keeper.agent_key(agent, anew=False)
    token = await house.attacker.vault.badge(agent, tasks=(task,), audience="gateway", seconds=60)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(first))
    assert jwt.decode(token, public, algorithms=["EdDSA"], audience="gateway")["tasks"] == [task]
    with pytest.raises(Refused) as refusal:
        await house.attacker.vault.agent_key(agent, anew=True)
    assert refusal.value.code == "vault_not_permitted"
    second = await house.keeper.agent_key(agent, anew=True)
    assert second != first
    later = await house.attacker.vault.badge(agent, tasks=(task,), audience="gateway", seconds=60)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(later, public, algorithms=["EdDSA"], audience="gateway")
