"""The API against its own description (schemathesis): no answer of 5xx, and none that the description does not know.

A small run here; `make test-faults` makes ten thousand cases. They are made from the document that is committed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chimera.api import serving
from chimera.api.limits import Pace
from tests.api.conftest import World

COMMITTED = Path(__file__).resolve().parents[2] / "console" / "openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CASES_FEW, CASES_MANY_MIN = 1, 10_000
PARTS = 4  # Ten thousand cases take a while: each quarter of the operations is a test of its own.
# Whoever measures beside us stops our server for a minute and a half.
ANSWER_SECONDS_MAX = 120
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
# The stream does not end; log-in is paced by design; the others would end the session that the run lives in.
LEFT_OUT = frozenset({"stream_follow", "session_log_in", "session_log_out", "session_password", "session_codes"})


class Run:
    """Cases of every operation, each sent to a real server and its answer held to the description."""

    def __init__(self, url: str, token: str, known: dict[str, str], *, cases: int, seed: int) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"}
        self._known = known
        self._cases = cases
        self._seed = seed
        self.statuses: Counter[int] = Counter()
        self.wrong: dict[str, str] = {}

    def all(self, *, part: int = 0, parts: int = 1) -> None:
        """Of each operation cases that are allowed, such of records that exist, and such that are forbidden."""
        every = schemathesis.openapi.from_path(str(COMMITTED)).get_all_operations()
        for found in itertools.islice(every, part, None, parts):
            operation: Any = cast("Any", found).ok()
            if operation.definition.raw["operationId"] not in LEFT_OUT:
                for strategy in self._strategies(operation):
                    self._one(operation, strategy)

    def _strategies(self, operation: Any) -> Iterator[Any]:
        yield operation.as_strategy(generation_mode=POSITIVE)
        named = {one.name: self._known[one.name] for one in operation.path_parameters if one.name in self._known}
        if named:
            yield operation.as_strategy(generation_mode=POSITIVE, path_parameters=named)
        if any(True for _ in operation.iter_parameters()) or list(operation.body):
            yield operation.as_strategy(generation_mode=NEGATIVE)

    def _one(self, operation: Any, strategy: Any) -> None:
        @hypothesis.seed(self._seed)
        @hypothesis.settings(max_examples=self._cases, database=None, deadline=None, phases=[Phase.generate],
                             suppress_health_check=list[Any](HealthCheck))  # fmt: skip
        @hypothesis.given(strategy)
        def send(case: Any) -> None:
            response = case.call(base_url=self._url, headers=self._headers, timeout=ANSWER_SECONDS_MAX)
            self.statuses[response.status_code] += 1
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failure:
                told = "; ".join(str(one)[:700] for one in failure.exceptions)
                self.wrong.setdefault(operation.label, f"{case.as_curl_command()[:1_500]}\n{told}")

        try:
            send()
        except Unsatisfiable:
            # Where every text is a good one, there is nothing that the description forbids.
            assert strategy is not None


def known_ids(world: World) -> dict[str, str]:
    samples = world.samples
    return {
        "review_id": samples.reviews[0].id, "agent_id": samples.agents[0].id, "campaign_id": samples.campaigns[0].id,
        "task_id": samples.tasks[0].id, "input_id": samples.inputs[0].id, "name": "owner", "number": "1",
    }  # fmt: skip


async def run(
    world: World, monkeypatch: pytest.MonkeyPatch, *, cases: int, seed: int, part: int = 0, parts: int = 1
) -> Run:
    for pace in ("READING", "WRITING", "KNOCKING"):
        monkeypatch.setattr(f"chimera.api.guard.{pace}", Pace(burst=10**9, per_second=10**6))
    token = await world.secret_of("seeker", "owner", by_token=True)
    async with serving.listening(world.app(), host="127.0.0.1", port=0) as where:
        made = Run(where.url, token, known_ids(world), cases=cases, seed=seed)
        await asyncio.to_thread(made.all, part=part, parts=parts)
    return made


@pytest.mark.requirement("R-L1")
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_answer_is_unknown_to_the_description(world: World, monkeypatch: pytest.MonkeyPatch):
    made = await run(world, monkeypatch, cases=CASES_FEW, seed=1)
    assert not made.wrong, "\n\n".join(f"{where}: {what}" for where, what in made.wrong.items())
    assert {200, 404, 422} <= made.statuses.keys(), made.statuses


@pytest.mark.requirement("R-L1")
@pytest.mark.faults
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("part", range(PARTS))
async def test_no_answer_is_unknown_in_ten_thousand_cases(world: World, monkeypatch: pytest.MonkeyPatch, part: int):
    made = await run(world, monkeypatch, cases=60, seed=2, part=part, parts=PARTS)
    assert not made.wrong, "\n\n".join(f"{where}: {what}" for where, what in made.wrong.items())
    assert made.statuses.total() >= CASES_MANY_MIN // PARTS, made.statuses
