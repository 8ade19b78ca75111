"""The A2A endpoint and the card: the same calls by another protocol, and a signature that anybody can check."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.system.clock import SystemClock
from chimera.assembly import discovery
from chimera.assembly import gateway as assembly
from chimera.domain import canonical
from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.errors import ChimeraError, Missing, Refused
from chimera.gateway import card as cards
from chimera.gateway.card import card_of, signed, verified
from chimera.governance.directory import Directory
from chimera.settings import Settings
from tests.adapters.catalogue.test_catalogue import served
from tests.adapters.discovery.test_directory import a_key, hex_of, pointer_of
from tests.small_house import OLGA, PERMITS, RITA, SmallHouse

pytestmark = pytest.mark.requirement("R-H3", "R-N7")
KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
PUBLIC = KEY.public_key().public_bytes_raw().hex()


class Client:
    """Somebody who speaks JSON-RPC with the door."""

    def __init__(self, http: httpx2.AsyncClient, origin: str, token: str) -> None:
        self.http = http
        self.origin = origin
        self.token = token

    async def ask(self, method: str, params: Any, **headers: str) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await self.post(msgspec.json.encode(body), **headers)

    async def post(self, body: bytes, **headers: str) -> dict[str, Any]:
        answer = await self.http.post(
            f"{self.origin}/a2a", content=body, headers={"Authorization": f"Bearer {self.token}", **headers}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def say(self, skill: str, method: str = "SendMessage", **arguments: Any) -> dict[str, Any]:
        part = {"data": {"skill": skill, "arguments": arguments}}
        return await self.ask(method, {"message": {"messageId": "m1", "role": "ROLE_USER", "parts": [part]}})


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse(clock=SystemClock()).open()


@asynccontextmanager
async def calling(house: SmallHouse, tmp_path: Path, *, agent_id: str = "") -> AsyncGenerator[Client]:
    settings = Settings(home=str(tmp_path / "home"))
    token = assembly.tokens_of(settings).issue(agent_id or house.agent.id)
    async with (
        assembly.over_http(settings, house.office, host="127.0.0.1", port=0) as url,
        httpx2.AsyncClient(timeout=60) as http,
    ):
        yield Client(http, url.removesuffix("/mcp"), token)


async def test_a_call_is_a_task_that_can_be_asked_about_and_taken_back(house: SmallHouse, tmp_path: Path) -> None:
    async with calling(house, tmp_path) as client:
        task = (await client.say("chimera_post", text="hello"))["result"]["task"]
        assert task["status"]["state"] == "TASK_STATE_WORKING"  # Nobody plans in this house.
        campaign = await house.office.get(Campaign, task["id"])
        assert campaign.agent_id == house.agent.id
        old = (await client.ask("tasks/get", {"id": task["id"]}))["result"]
        assert (old["kind"], old["status"]["state"], old["id"]) == ("task", "working", task["id"])
        gone = (await client.ask("CancelTask", {"id": task["id"]}))["result"]
        assert gone["status"]["state"] == "TASK_STATE_CANCELED"
        assert (await house.office.get(Campaign, task["id"])).state is CampaignState.CANCELLED
        assert (await client.ask("GetTask", {"id": task["id"]}))["result"]["status"]["state"] == "TASK_STATE_CANCELED"
        assert (await client.ask("tasks/cancel", {"id": task["id"]}))["error"]["code"] == -32002


async def test_what_only_reads_is_a_message(house: SmallHouse, tmp_path: Path) -> None:
    async with calling(house, tmp_path) as client:
        new = (await client.say("chimera_search", wish="weather"))["result"]["message"]
        assert (new["role"], new["parts"]) == ("ROLE_AGENT", [{"data": {"tools": []}}])
        old = (await client.say("chimera_search", "message/send", wish="weather"))["result"]
        assert (old["kind"], old["role"], old["parts"][0]["kind"]) == ("message", "agent", "data")


WRONG: list[tuple[str, dict[str, Any], int]] = [
    ("SendMessage", {}, -32602),
    ("SendMessage", {"message": {"messageId": "m", "parts": [{"text": "post something"}]}}, -32602),
    ("SendMessage", {"message": {"messageId": "m", "parts": [{"data": {"skill": "rm"}}]}}, -32602),
    ("SendMessage", {"message": {"messageId": "m", "parts": [{"data": {"skill": "chimera_post", "more": 1}}]}}, -32602),
    ("SendMessage", {"message": {"messageId": "m", "taskId": "t", "parts": [{"data": {}}]}}, -32004),
    ("GetTask", {"id": "nobody's"}, -32001),
    ("GetTask", {"id": "0193f000-0000-7000-8000-000000000001"}, -32001),
    ("CancelTask", {"id": "0193f000-0000-7000-8000-000000000001"}, -32001),
    ("SendStreamingMessage", {}, -32601),
]  # fmt: skip


async def test_what_is_wrong_is_named(house: SmallHouse, tmp_path: Path) -> None:
    async with calling(house, tmp_path) as client:
        for method, params, code in WRONG:
            assert (await client.ask(method, params))["error"]["code"] == code, (method, params)
        assert (await client.ask("GetTask", {"id": "x"}, **{"A2A-Version": "7.0"}))["error"]["code"] == -32009
        for body, code in ((b"{", -32700), (b"[]", -32600), (b'{"jsonrpc":"1.0","method":"GetTask"}', -32600),
                           (b"[" * 60_000, -32700), (b" " * 70_000, -32600)):  # fmt: skip
            assert (await client.post(body))["error"]["code"] == code, body[:20]
        refused = await client.say("chimera_call", tool="no/such", arguments={})
        assert refused["error"]["data"][0]["reason"] == "request_refused"  # It may use no tool at all.
        client.token = "chm_nobody"
        answer = await client.http.post(f"{client.origin}/a2a", headers={"Authorization": "Bearer chm_nobody"})
        assert answer.status_code == 401


async def test_the_card_is_served_and_its_signature_is_a_jws(house: SmallHouse, tmp_path: Path) -> None:
    async with calling(house, tmp_path) as client:
        data = (await client.http.get(f"{client.origin}{cards.WELL_KNOWN}")).content
    settings = Settings(home=str(tmp_path / "home"))
    public = discovery.identity_key(settings).public_key().public_bytes_raw().hex()
    card = verified(data, public=public)
    assert discovery.card_file(settings).read_bytes() == data
    assert [one["url"] for one in card["supportedInterfaces"]] == [f"{client.origin}/a2a"] * 2
    assert house.agent.name not in data.decode()
    # As any JWS library sees it: protected header, canonical payload, signature.
    [signature] = card["signatures"]
    payload = {name: value for name, value in card.items() if name != "signatures"}
    token = f"{signature['protected']}.{cards._base64(canonical.encode(payload))}.{signature['signature']}"
    key = discovery.identity_key(settings).public_key()
    assert jwt.decode(token, key, algorithms=["EdDSA"]) == payload
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": public, "typ": "JOSE"}


def test_a_card_that_was_changed_or_is_anothers_is_refused_by_name() -> None:
    good = signed(card_of("https://a.example", version="1"), KEY)
    assert verified(msgspec.json.encode(good), public=PUBLIC)["name"] == "Chimera"
    none = cards._base64(b'{"alg":"none","kid":"' + PUBLIC.encode() + b'"}')
    for bad, code in (
        ({**good, "name": "Another"}, "card_signature_bad"),
        ({**good, "signatures": []}, "card_signature_bad"),
        ({**good, "signatures": [{"protected": none, "signature": ""}]}, "card_signature_bad"),
        ({**good, "signatures": [7, None, {"protected": "!", "signature": "!"}]}, "card_signature_bad"),
        ({name: value for name, value in good.items() if name != "signatures"}, "card_unsigned"),
        ({**good, "version": 1.5}, "value_not_plain"),
        ({**good, "description": "x" * 70_000}, "card_too_large"),
        ([], "card_malformed"),
    ):
        with pytest.raises(ChimeraError) as refusal:
            verified(msgspec.json.encode(bad), public=PUBLIC)
        assert refusal.value.code == code or code == "value_not_plain", (refusal.value.code, code)
    with pytest.raises(Refused):
        verified(msgspec.json.encode(good), public=a_key(9).public_key().public_bytes_raw().hex())


async def test_nobody_is_called_whom_no_person_has_allowed(tmp_path: Path) -> None:
    house = await SmallHouse(clock=SystemClock()).open()
    directory = Directory(store=house.office, permits=PERMITS)
    folder = tmp_path / "site"
    folder.mkdir()
    key = a_key(31)
    (folder / "card.json").write_bytes(msgspec.json.encode(signed(card_of("https://b.example", version="1"), key)))
    with served(folder) as address:
        await directory.seen(pointer_of(key, address=f"{address}/card.json"))
        with pytest.raises(Refused) as refusal:
            await discovery.verified_card(directory, hex_of(key))
        assert refusal.value.code == "peer_not_allowed"
        with pytest.raises(Refused, match="rita may not"):
            await directory.allow(hex_of(key), by=RITA)
        await directory.allow(hex_of(key), by=OLGA)
        assert (await discovery.verified_card(directory, hex_of(key)))["name"] == "Chimera"
        (folder / "card.json").write_bytes(msgspec.json.encode(signed(card_of("https://b.example", version="1"), KEY)))
        with pytest.raises(Refused, match="signed by this key"):
            await discovery.verified_card(directory, hex_of(key))
        await directory.block(hex_of(key), by=OLGA)
        with pytest.raises(Refused):
            await discovery.verified_card(directory, hex_of(key))
    with pytest.raises(Missing):
        await directory.allow("0" * 64, by=OLGA)


async def test_the_registry_keeps_the_newest_word_and_what_people_decided(tmp_path: Path) -> None:
    house = await SmallHouse(clock=SystemClock()).open()
    directory = Directory(store=house.office, permits=PERMITS)
    key = a_key(32)
    await directory.seen(pointer_of(key, sequence=5))
    await directory.seen(pointer_of(key, sequence=5))
    with pytest.raises(Refused) as refusal:
        await directory.seen(pointer_of(key, sequence=4))
    assert refusal.value.code == "pointer_stale"
    await directory.seen(pointer_of(key, sequence=6, subject="skill:post"))
    [peer] = await directory.peers()
    assert (peer.sequence, len(peer.subjects)) == (6, 2)
    await directory.block(hex_of(key), by=OLGA)
    assert (await directory.seen(pointer_of(key, sequence=9))).sequence == 6
    for address in ("https://10.0.0.1/card", "https://169.254.169.254/", "http://a.example/"):
        private = a_key(40 + len(address))
        found = await directory.seen(pointer_of(private, address=address))
        with pytest.raises(ChimeraError) as refusal:
            await discovery.card_of_peer(found)
        assert refusal.value.code in {"card_private_address", "card_unencrypted"}
