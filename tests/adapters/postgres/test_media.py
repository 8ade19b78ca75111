"""Media documents: parallel partial updates, each once, none lost; what RFC 7386 says of a merge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera.adapters.postgres.media import PostgresMedia
from chimera.adapters.system.clock import SystemIds
from chimera.domain.errors import Invalid, Missing
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import PASSWORDS, Database
from tests.examples import examples

IDS = SystemIds()
VALUES = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
PATCHES = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), min_size=1, max_size=5)


async def opened(database: Database, role: Role) -> PostgresMedia:
    return await PostgresMedia.open(database.admin_dsn, role=role, password=PASSWORDS[role])


@pytest.fixture
async def media(database: Database) -> AsyncIterator[PostgresMedia]:
    one = await opened(database, Role.OFFICE)
    try:
        yield one
    finally:
        await one.close()


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@pytest.mark.requirement("R-G4")
async def test_no_update_of_many_hands_is_lost(database: Database, media: PostgresMedia) -> None:
    other = await opened(database, Role.MANAGER)
    documents = [IDS.new() for _ in range(3)]

    async def hand(number: int) -> list[int]:
        writer = (media, other)[number % 2]
        patch = {"by": {f"hand-{number}": number}, "last": number}
        return [await writer.patch(document, patch, key=IDS.new()) for document in documents]

    versions = await asyncio.gather(*(hand(number) for number in range(60)))
    await other.close()
    for place, document in enumerate(documents):
        found = await media.get(document)
        assert found.body["by"] == {f"hand-{number}": number for number in range(60)}
        assert sorted(one[place] for one in versions) == list(range(2, 62))
        history = await media.revisions(document)
        assert [version for version, _ in history] == list(range(2, 62))
        assert found.body["last"] == history[-1][1]["last"]


@pytest.mark.requirement("R-G4")
async def test_an_update_that_is_told_again_is_made_once(media: PostgresMedia) -> None:
    document, key = IDS.new(), IDS.new()
    first = await media.patch(document, {"views": 1}, key=key)
    await media.patch(document, {"views": 2}, key=IDS.new())
    assert await media.patch(document, {"views": 1}, key=key) == first
    together = await asyncio.gather(
        *(media.patch(document, {"tag": "x"}, key=first_key) for first_key in [IDS.new()] * 3)
    )
    assert len(set(together)) == 1
    assert (await media.get(document)).body == {"views": 2, "tag": "x"}


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patches=PATCHES)
async def test_a_batch_does_what_its_patches_do_one_after_the_other(media: PostgresMedia, patches: list[Any]) -> None:
    document = IDS.new()
    await media.patch(document, {"a": {"b": 1}, "c": 2}, key=IDS.new())
    await asyncio.gather(*(media.patch(document, patch, key=IDS.new()) for patch in patches))
    expected: Any = {"a": {"b": 1}, "c": 2}
    for patch in patches:
        expected = merged(expected, patch)
    assert (await media.get(document)).body == expected


async def test_what_cannot_be_stored_is_refused(media: PostgresMedia) -> None:
    for patch in ({"a": "\x00"}, {"a": "x" * 300_000}, {"a": object()}):
        with pytest.raises(Invalid) as refused:
            await media.patch(IDS.new(), patch, key=IDS.new())
        assert refused.value.code == "media_patch"
    with pytest.raises(Missing):
        await media.get(IDS.new())


async def test_nobody_writes_the_tables_themselves(database: Database) -> None:
    for role in (Role.OFFICE, Role.MANAGER, Role.EFFECTS, Role.AUDITOR):
        connection = await database.connect(role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM chimera.media_revisions")
        await connection.close()
    connection = await database.connect(Role.EFFECTS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT chimera.patch_media('{}', '{}', '{}')")
    await connection.close()
