"""Whatever the first model does, the route ends on one that answers, in time, with causes and costs on record."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec
import pytest

from chimera.adapters.models.configuration import read
from chimera.adapters.models.house import Inside, Models, opened
from chimera.adapters.models.route import Wishes
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Invalid
from chimera.governance import calls
from chimera.ports.model import ModelRequest, ModelsFailed
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.testing.model_server import Fault, ModelServer

pytestmark = pytest.mark.requirement("R-H2", "R-D3")
OUTPUT = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1},
        "sources": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["text", "sources"],
    "additionalProperties": False,
}  # fmt: skip
QUIET = Manners(misbehaviour_bp=0, obey_bp=0, latency_ms_max=0)
FILE = """
[models.first]
wire = "{wire}"
url = "{url}"
model = "first-1"
input_micros_per_million_tokens = 1000000
output_micros_per_million_tokens = 4000000
first_seconds_max = 0.3
idle_seconds_max = 0.3
[models.local]
wire = "local"
url = "{local}"
model = "llama"
[models.offline]
wire = "offline"
[routes]
default = ["first", "local"]
judge = ["first", "local"]
alone = ["first"]
"""


@contextlib.asynccontextmanager
async def house(
    tmp_path: Path,
    *,
    fault: Fault | None = None,
    faults: Sequence[Fault] = (),
    wire: str = "openai",
    wishes: Wishes | None = None,
) -> AsyncGenerator[tuple[Models, ModelServer, ModelServer]]:
    clock = SystemClock()
    inside = Inside(worker=OfflineModel(seed=1, manners=QUIET, clock=clock),
                    judge=OfflineModel(seed=2, manners=QUIET, clock=clock))  # fmt: skip
    async with ModelServer(fault=fault).listening() as first, ModelServer().listening() as local:
        first.faults.extend(faults)
        url = first.anthropic_url if wire == "anthropic" else first.openai_url
        file = tmp_path / "models.toml"
        file.write_text(FILE.format(wire=wire, url=url, local=local.openai_url))
        async with opened(read(file), keys={"openai": "sk-one", "anthropic": "sk-two"}, inside=inside,
                          clock=clock, wishes=wishes) as models:  # fmt: skip
            yield models, first, local


def asking(prompt: str = "copy.post", **more: object) -> ModelRequest:
    return msgspec.structs.replace(
        ModelRequest(
            prompt=prompt, instructions="You write one post as the persona.", output=OUTPUT, task_id="t1",
            data={"persona": {"name": "Nova", "disclosure": "[AI persona]"}, "input": {"topic": "co-op week"}},
            agent_id="a1", cost_micros_max=50_000, seconds_max=8,
        ),
        **more,
    )  # fmt: skip


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_each_dialect_is_spoken_and_paid_for(tmp_path: Path, wire: str) -> None:
    async with house(tmp_path, wire=wire) as (models, first, local):
        answer = await models.worker.complete(asking())
    assert msgspec.json.decode(answer.text)["output"]["text"]
    assert answer.model == "first/first-1"
    assert [one.cause for one in answer.tries] == ["ok"]
    assert answer.tries[0].tokens_in == 1_000
    assert answer.cost_micros == 1_000 + 4 * answer.tries[0].tokens_out
    assert not local.asked
    (asked,) = first.asked
    assert (asked.headers.get("authorization"), asked.headers.get("x-api-key")) == (
        ("Bearer sk-one", None) if wire == "openai" else (None, "sk-two")
    )


CAUSES = {
    Fault.ERROR: ["error", "error"],
    Fault.UNAUTHORISED: ["rejected"],
    Fault.GARBAGE: ["garbage"],
    Fault.PROSE: ["malformed", "malformed"],
    Fault.WRONG_SCHEMA: ["malformed", "malformed"],
    Fault.TRUNCATED: ["truncated"],
    Fault.REFUSAL: ["refused"],
    Fault.SILENCE: ["timed-out"],
    Fault.STALL: ["stalled"],
    Fault.PINGS: ["stalled"],
    Fault.DIE: ["died", "died"],
    Fault.LOOP: ["runaway"],
}


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", CAUSES)
async def test_a_fault_of_the_first_ends_on_the_next_in_time(tmp_path: Path, fault: Fault, wire: str) -> None:
    clock = SystemClock()
    async with house(tmp_path, fault=fault, wire=wire) as (models, _, local):
        since_us = clock.now_us()
        answer = await models.worker.complete(asking())
        took_us = clock.now_us() - since_us
    assert answer.model == "local/llama"
    assert msgspec.json.decode(answer.text)["output"]["text"]
    causes = [one.cause for one in answer.tries]
    assert set(causes[:-1]) == set(CAUSES[fault])
    assert causes[-1] == "ok"
    assert took_us < 8_000_000
    assert len(local.asked) == 1


async def test_whoever_asks_us_to_wait_is_waited_for_or_left(tmp_path: Path) -> None:
    async with house(tmp_path, faults=[Fault.RATE_LIMIT]) as (models, first, local):
        patient = await models.worker.complete(asking(seconds_max=8))
        assert (patient.model, [one.cause for one in patient.tries]) == ("first/first-1", ["rate-limited", "ok"])
        first.faults.append(Fault.RATE_LIMIT)
        hurried = await models.worker.complete(asking(seconds_max=1))
        assert (hurried.model, [one.cause for one in hurried.tries]) == ("local/llama", ["rate-limited", "ok"])
        meanwhile = await models.worker.complete(asking(seconds_max=1))
    assert [one.cause for one in meanwhile.tries] == ["resting", "ok"]
    assert (len(first.asked), len(local.asked)) == (3, 2)


async def test_an_answer_of_the_wrong_form_is_repaired_as_often_as_the_spec_says(tmp_path: Path) -> None:
    async with house(tmp_path, faults=[Fault.WRONG_SCHEMA]) as (models, first, _):
        answer = await models.worker.complete(asking(repairs_max=1))
        assert (answer.model, [one.cause for one in answer.tries]) == ("first/first-1", ["malformed", "ok"])
        repair = msgspec.json.decode(first.asked[1].body["messages"][1]["content"])["repair"]
        assert "text" in str(repair["findings"])
        first.faults.append(Fault.WRONG_SCHEMA)
        unrepaired = await models.worker.complete(asking(repairs_max=0))
    assert (unrepaired.model, len(first.asked)) == ("local/llama", 3)


async def test_what_failed_is_paid_and_recorded(tmp_path: Path) -> None:
    async with house(tmp_path, fault=Fault.DIE) as (models, _, _):
        answer = await models.worker.complete(asking())
    recorded = calls.of_answer(answer, digest="d", prompt="copy.post#1")
    assert [call.kind for call in recorded] == ["try", "try", "try", "model"]
    assert recorded[0].cost_micros > 0, "words that came before the end are paid for"
    assert recorded[-1].prompt.startswith("copy.post#1+frame#")
    assert sum(call.cost_micros for call in recorded) == sum(one.cost_micros for one in answer.tries)


async def test_a_provider_that_keeps_failing_is_left_alone(tmp_path: Path) -> None:
    async with house(tmp_path, fault=Fault.ERROR) as (models, first, _):
        answers = [await models.worker.complete(asking(task_id=f"t{number}")) for number in range(4)]
    assert len(first.asked) == 3
    assert [one.cause for one in answers[-1].tries] == ["resting", "ok"]


async def test_nobody_left_is_an_error_that_says_what_was_tried(tmp_path: Path) -> None:
    async with house(tmp_path, fault=Fault.REFUSAL) as (models, _, _):
        with pytest.raises(ModelsFailed) as failed:
            await models.worker.complete(asking("alone"))
    assert [one.cause for one in failed.value.tries] == ["refused"]
    assert failed.value.tries[0].cost_micros > 0


async def test_the_judge_is_another_than_the_author(tmp_path: Path) -> None:
    async with house(tmp_path) as (models, first, local):
        await models.worker.complete(asking())
        request = asking(
            "judge", instructions="You judge.", data={"output": {"text": "hello"}}, output={"type": "object"}
        )
        assert (await models.judge.complete(request)).model == "local/llama"
        assert (len(first.asked), len(local.asked)) == (1, 1)
        other = await models.judge.complete(msgspec.structs.replace(request, task_id="t2"))
        assert other.model == "first/first-1"


async def test_a_task_does_not_spend_more_on_models_than_it_may(tmp_path: Path) -> None:
    async with house(tmp_path) as (models, first, _):
        answer = await models.worker.complete(asking(cost_micros_max=100))
        assert [one.cause for one in answer.tries] == ["too-dear", "ok"]
        assert not first.asked
        shortened = await models.worker.complete(asking(task_id="t2", cost_micros_max=3_000))
        assert shortened.model == "first/first-1"
        assert first.asked[0].body["max_completion_tokens"] < 2_048


async def test_the_same_question_is_answered_from_before_where_the_spec_allows(tmp_path: Path) -> None:
    async with house(tmp_path) as (models, first, _):
        one = await models.worker.complete(asking(may_cache=True))
        again = await models.worker.complete(asking(may_cache=True))
        assert (again.text, again.cost_micros, again.tries[-1].cause) == (one.text, 0, "cached")
        assert len(first.asked) == 1
        await models.worker.complete(asking(may_cache=True, agent_id="a2"))
        await models.worker.complete(asking())
        assert len(first.asked) == 3


@pytest.mark.parametrize(("text", "says"), [
    ("[models]\n[routes]\n", "0 models"),
    ('[models.a]\nwire = "local"\nmodel = "m"\n[routes]\ndefault = ["b"]\n', "no model here"),
    ('[models.a]\nwire = "local"\n[routes]\ndefault = ["a"]\n', "which model"),
    ('[models.a]\nwire = "carrier pigeon"\n[routes]\ndefault = ["a"]\n', "carrier pigeon"),
    ('[models.a]\nwire = "local"\nmodel = "m"\nurl = "file:///etc"\n[routes]\ndefault = ["a"]\n', "no address"),
    ("[models", "models"),
])  # fmt: skip
def test_a_configuration_that_is_wrong_says_where(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(Invalid, match="models_invalid") as refused:
        read(file)
    assert says in str(refused.value)


class Wishing:
    """Implements `Wishes`: one agent names models for posts."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def models_for(self, agent_id: str, task_type: str) -> tuple[str, ...]:
        return self._names if (agent_id, task_type) == ("a1", "copy.post") else ()


@pytest.mark.parametrize(("names", "request_", "asked"), [
    (("local",), asking(), "local"), (("nobody", "local", "first"), asking(), "local"),
    (("nobody",), asking(), "first"),
    (("local",), asking(agent_id="a2"), "first"), (("local",), asking("copy.reply"), "first"),
    (("offline/judge",), asking(), "first"),
])  # fmt: skip
async def test_a_manifest_chooses_among_the_models_that_there_are(
    tmp_path: Path, names: tuple[str, ...], request_: ModelRequest, asked: str
) -> None:
    async with house(tmp_path, wishes=Wishing(*names)) as (models, *_):
        assert (await models.worker.complete(request_)).tries[-1].model.startswith(f"{asked}/")


async def test_what_a_manifest_names_is_all_that_is_asked(tmp_path: Path) -> None:
    async with house(tmp_path, fault=Fault.REFUSAL, wishes=Wishing("first")) as (models, _, local):
        with pytest.raises(ModelsFailed):
            await models.worker.complete(asking())
    assert not local.asked
