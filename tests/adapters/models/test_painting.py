"""Pictures by painters: in order, within time and money, over a real connection to a server that fails on demand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from chimera.adapters.models.configuration import read
from chimera.adapters.models.house import painters_of_file
from chimera.adapters.models.painting import Painters
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Invalid
from chimera.ports.painter import Painting, PaintOrder
from chimera.testing.model_server import Fault, ModelServer

pytestmark = pytest.mark.requirement("R-B2", "R-B5")
PRICE = 40_000
PNG = b"\x89PNG\r\n\x1a\n"
FILE = """
[models.offline]
wire = "offline"

[painters.first]
wire = "openai"
model = "paints/1"
url = "{first}"
micros_per_picture = 40000
seconds_max = {seconds_max}

[painters.house]
wire = "local"
model = "paints/2"
url = "{house}"
edits = false

[routes]
default = ["offline"]
picture = ["first", "house"]
"""


class Town:
    """Two painters' servers, and who asks them."""

    def __init__(self, first: ModelServer, house: ModelServer, painters: Painters) -> None:
        self.first, self.house, self._painters = first, house, painters

    async def paint(self, *, cost_micros_max: int = 100_000, faces: tuple[bytes, ...] = ()) -> Painting:
        return await self._painters.paint(PaintOrder(
            words="a couch and a toaster", agent_id="ada", cost_micros_max=cost_micros_max, seconds_max=100.0,
            faces=faces,
        ))  # fmt: skip


@contextlib.asynccontextmanager
async def opened(folder: Path, *, seconds_max: float) -> AsyncGenerator[Town]:
    async with ModelServer().listening() as first, ModelServer().listening() as house:
        file = folder / "models.toml"
        file.write_text(FILE.format(first=first.openai_url, house=house.openai_url, seconds_max=seconds_max))
        async with painters_of_file(str(file), keys={"openai": "sk-test"}, clock=SystemClock()) as painters:
            assert painters is not None
            yield Town(first, house, painters)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncGenerator[Town]:
    async with opened(tmp_path, seconds_max=60.0) as town:
        yield town


def causes(painting: Painting) -> list[str]:
    return [one.cause for one in painting.tries]


async def test_the_first_painter_paints_and_its_price_stands_in_the_record(town: Town) -> None:
    painting = await town.paint()
    assert painting.data is not None
    assert painting.data.startswith(PNG)
    assert (painting.painter, painting.cost_micros, causes(painting)) == ("first/paints/1", PRICE, ["ok"])
    (asked,) = town.first.asked
    assert asked.path == "/v1/images/generations"
    assert asked.headers["authorization"] == "Bearer sk-test"
    assert asked.body == {"model": "paints/1", "prompt": "a couch and a toaster", "size": "1536x1024", "n": 1}


async def test_a_face_goes_to_the_endpoint_for_edits_byte_for_byte(town: Town) -> None:
    faces = (PNG + b"the face", b"\xff\xd8\xff another")
    assert (await town.paint(faces=faces)).painter == "first/paints/1"
    (asked,) = town.first.asked
    assert asked.path == "/v1/images/edits"
    assert all(face in asked.data for face in faces)
    assert b"a couch and a toaster" in asked.data


@pytest.mark.parametrize(("fault", "cause", "tried"), [
    (Fault.ERROR, "error", 2), (Fault.RATE_LIMIT, "rate-limited", 2), (Fault.UNAUTHORISED, "rejected", 1),
    (Fault.REFUSAL, "refused", 1), (Fault.GARBAGE, "garbage", 1), (Fault.WRONG_SCHEMA, "garbage", 1),
    (Fault.DIE, "died", 2),
])  # fmt: skip
async def test_whatever_the_first_does_the_next_paints(town: Town, fault: Fault, cause: str, tried: int) -> None:
    town.first.fault = fault
    painting = await town.paint()
    assert painting.painter == "house/paints/2"
    assert causes(painting)[0] == cause
    assert len(painting.tries) == tried + 1
    assert causes(painting)[-1] == "ok"
    # What came broken may be on the provider's bill; what it said no to is not.
    is_billed = cause in ("died", "garbage")
    assert painting.cost_micros == (PRICE * tried if is_billed else 0)


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.STALL])
async def test_one_that_says_nothing_is_not_waited_for(tmp_path: Path, fault: Fault) -> None:
    async with opened(tmp_path, seconds_max=0.2) as town:
        town.first.fault = fault
        painting = await town.paint()
    assert (causes(painting), painting.painter) == (["timed-out", "ok"], "house/paints/2")
    assert painting.cost_micros == PRICE, "what came too late may be on the bill"


async def test_what_the_task_cannot_pay_is_not_asked_for(town: Town) -> None:
    painting = await town.paint(cost_micros_max=PRICE - 1)
    assert (causes(painting), painting.painter) == (["too-dear", "ok"], "house/paints/2")
    assert town.first.asked == []


async def test_money_that_a_broken_answer_cost_is_not_spent_again(town: Town) -> None:
    town.first.fault = Fault.DIE
    painting = await town.paint(cost_micros_max=PRICE + 1)
    assert causes(painting) == ["died", "too-dear", "ok"]
    assert painting.cost_micros == PRICE


async def test_where_nobody_paints_everything_that_was_tried_is_told(town: Town) -> None:
    town.first.fault = town.house.fault = Fault.REFUSAL
    painting = await town.paint()
    assert (painting.data, causes(painting)) == (None, ["refused", "refused"])


@pytest.mark.parametrize(("found", "written", "says"), [
    ("micros_per_picture = 40000\n", "", "what a picture of painters.first costs"),
    ('picture = ["first", "house"]\n', "", "no route to them"),
    ('"house"]\n', '"nobody"]\n', "no painter here"),
])  # fmt: skip
def test_painters_that_cannot_be_held_to_account_are_refused(
    tmp_path: Path, found: str, written: str, says: str
) -> None:
    text = (
        FILE.replace('url = "{first}"\n', "").replace("{house}", "http://127.0.0.1:1/v1").replace("{seconds_max}", "9")
    )
    file = tmp_path / "models.toml"
    file.write_text(text.replace(found, written))
    with pytest.raises(Invalid, match="models_invalid") as refused:
        read(file)
    assert says in str(refused.value)
