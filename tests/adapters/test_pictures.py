"""Which picture a task asks for: card, chart, collage or painting, in the brand and with the face of its package."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from PIL import Image

from chimera.adapters.documents.brands import shipped, shipped_names
from chimera.adapters.documents.packages import read_package
from chimera.adapters.documents.specs import load_specs
from chimera.adapters.media.at_work import StudioTools
from chimera.adapters.media.credentials import Credentials
from chimera.adapters.media.studio import Studio
from chimera.adapters.models.house import painters_of_file
from chimera.adapters.objects.store import StoredObjects
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.guarding import security
from chimera.domain.brand import Look, Style
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.domain.faults import Faults
from chimera.domain.roles import Role
from chimera.domain.work import Material
from chimera.pipeline.installer import Installer, Offer
from chimera.ports.painter import Painter
from chimera.skills.copy import writing
from chimera.skills.desk import Desk
from chimera.skills.media import card
from chimera.swarm.editions import Editions
from chimera.swarm.replay import RecordedAnswers
from chimera.swarm.roster import Roster
from chimera.testing.model_server import Fault, ModelServer
from tests.adapters.test_studio import NoTools
from tests.small_house import CONTRACTS, PROMPTS, SPECS, TEXT, SmallHouse
from tests.small_work import SayingModel, assign, envelope

pytestmark = pytest.mark.requirement("R-B2")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PACKAGES = Path(__file__).parents[2] / "agents"
MODELS = """
[models.offline]
wire = "offline"
[painters.first]
wire = "openai"
model = "paints/1"
url = "{url}"
seconds_max = 60
micros_per_picture = 20000
[routes]
default = ["offline"]
picture = ["first"]
"""


def face(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (90, 120), colour).save(out, "PNG")
    return out.getvalue()


def a_studio(folder: Path, *, painter: Painter | None = None) -> Studio:
    credentials = Credentials(Ed25519PrivateKey.generate(), house="Test House", now=NOW)
    return Studio(objects=StoredObjects.in_folder(folder), credentials=credentials, brand=shipped(), painter=painter)


class Styled:
    """Implements `Styles` with one face for everybody."""

    async def style_of(self, agent_id: str) -> Style:
        return Style(agent_id=agent_id, brand=shipped("daylight"), faces=(face("#00ff00"),))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return a_studio(tmp_path / "media")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[ModelServer]:
    async with ModelServer().listening() as server:
        (tmp_path / "models.toml").write_text(MODELS.format(url=server.openai_url))
        yield server


async def written(tools: StudioTools, materials: tuple[Material, ...] = (), **asked: Any) -> tuple[Desk, Draft]:
    house = await SmallHouse().open()
    task = await house.a_task(input={"platform": "sandbox", "topic": "boss fights", "brief": "Say it.",
                                     "picture": True, **asked})  # fmt: skip
    agent = replace(house.agent, permissions=(*house.agent.permissions, "media.make"))
    desk = Desk(assign(task, agent, materials=materials), spec=SPECS["copy.post"], tools=tools, prompts=PROMPTS,
                model=SayingModel(envelope({"text": TEXT, "sources": []})))  # fmt: skip
    draft = await writing.write(desk)
    assert not CONTRACTS.output_findings(SPECS["copy.post"], draft.output)
    return desk, draft


def shown(draft: Draft) -> dict[str, Any]:
    assert draft.action is not None
    (medium,) = draft.action.arguments["media"]
    assert draft.output["media"] == [medium], "what comes after may use it"
    return medium


def colours(data: bytes) -> set[Any]:
    with Image.open(io.BytesIO(data)) as image:
        return {colour for _, colour in image.convert("RGB").getcolors(1_000_000) or []}


async def test_a_chart_shows_the_figures_of_its_sources_and_no_others(studio: Studio) -> None:
    bars = [{"name": "swamp", "value": 10}, {"name": "tower", "value": 40}]
    facts = ["The swamp has 10 bosses.", "The tower has 40."]
    _, draft = await written(StudioTools(NoTools(), studio), picture_kind="chart", bars=bars, facts=facts)
    assert shown(draft)["alt"].startswith("A bar chart by ada: boss fights. swamp: 10; tower: 40")
    with pytest.raises(Invalid, match="chart_unsourced"):
        await written(StudioTools(NoTools(), studio), picture_kind="chart", bars=bars, facts=facts[:1])


async def test_a_chart_without_figures_shows_what_the_trends_before_it_found(studio: Studio) -> None:
    trends = {"trends": [{"topic": "co-op week", "score_bp": 8_200, "why": "many"}]}
    material = Material(name="trends", content=trends, labels=("public",))
    _, draft = await written(StudioTools(NoTools(), studio), (material,), picture_kind="chart")
    assert "co-op week: 82" in shown(draft)["alt"]
    assert "public" in draft.labels
    _, draft = await written(StudioTools(NoTools(), studio), picture_kind="chart")
    assert shown(draft)["alt"].startswith("A card by ada"), "nothing to draw a chart of"


async def test_a_collage_is_of_the_pictures_of_the_posts_before_it(studio: Studio) -> None:
    tools = StudioTools(NoTools(), studio)
    before = [(await written(tools, topic=topic))[1] for topic in ("swamp", "tower")]
    materials = tuple(Material(name=str(place), content=one.output, labels=()) for place, one in enumerate(before))
    _, draft = await written(tools, materials, picture_kind="collage")
    alt = shown(draft)["alt"]
    assert alt.startswith("A collage by ada: A card by ada: swamp.")
    assert "tower" in alt


async def test_every_card_of_a_persona_has_the_same_face_and_its_brand(tmp_path: Path) -> None:
    studio = a_studio(tmp_path)
    tools = StudioTools(NoTools(), studio, styles=Styled())
    for topic in ("swamp", "tower"):
        _, draft = await written(tools, topic=topic)
        assert {(0, 255, 0), (0xFD, 0xF6, 0xE3)} <= colours(await studio.bytes_of(shown(draft)["digest"]))


async def test_a_painting_is_framed_signed_and_costs_its_price(tmp_path: Path, server: ModelServer) -> None:
    async with painters_of_file(str(tmp_path / "models.toml"), keys={}, clock=SystemClock()) as painter:
        studio = a_studio(tmp_path / "media", painter=painter)
        desk, draft = await written(StudioTools(NoTools(), studio, styles=Styled()), picture_kind="painting")
    medium, call = shown(draft), desk.calls[-1]
    assert medium["alt"] == "A picture by ada, painted by an AI: boss fights"
    assert (call.name, call.cost_micros, call.prompt) == ("painting", 20_000, PROMPTS["picture.painting"].ref)
    assert '"painter":"first/paints/1"' in call.answer
    (asked,) = server.asked
    assert asked.path.endswith("/edits")
    assert face("#00ff00") in asked.data, "the painter was shown the face"
    painted = tuple(hashlib.sha256(asked.data).digest()[:3])
    assert painted in colours(await studio.bytes_of(medium["digest"]))
    assert studio.is_verified(medium["digest"])


@pytest.mark.parametrize(("fault", "why"), [(Fault.REFUSAL, "refused"), (Fault.PROSE, "media_unreadable"),
                                            (Fault.TRUNCATED, "media_unreadable")])  # fmt: skip
async def test_where_nobody_paints_there_is_a_card_and_the_record_says_why(
    tmp_path: Path, server: ModelServer, fault: Fault, why: str
) -> None:
    server.fault = fault
    async with painters_of_file(str(tmp_path / "models.toml"), keys={}, clock=SystemClock()) as painter:
        studio = a_studio(tmp_path / "media", painter=painter)
        desk, draft = await written(StudioTools(NoTools(), studio), picture_kind="painting")
    assert shown(draft)["alt"].startswith("A card by ada: boss fights.")
    assert why in desk.calls[-1].answer
    # A picture that came and cannot be opened was made, and is on the bill.
    assert desk.calls[-1].cost_micros == (0 if fault is Fault.REFUSAL else 20_000)


async def test_a_replay_that_has_more_money_left_asks_for_the_same_painting(studio: Studio) -> None:
    desk, draft = await written(StudioTools(NoTools(), studio), picture_kind="painting")
    recorded = RecordedAnswers(desk.calls)
    # Tries in vain cost something, and are not made again.
    model = SayingModel(envelope({"text": TEXT, "sources": []}), cost_micros=0)
    again = Desk(desk.assignment, spec=desk.spec, model=model, tools=recorded, prompts=PROMPTS)
    recorded._left.pop(0)
    assert (await writing.write(again)).action == draft.action


async def test_without_painters_a_painting_is_a_card(studio: Studio) -> None:
    _, draft = await written(StudioTools(NoTools(), studio), picture_kind="painting")
    assert shown(draft)["alt"].startswith("A card by ada")


# ── packages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_package(folder: Path, *, brand: str = "brand: brand.yaml\n", reference: bytes | None = None) -> Path:
    package = folder / "studio.newsdesk"
    package.mkdir()
    for path in (PACKAGES / "studio.newsdesk").iterdir():
        (package / path.name).write_bytes(path.read_bytes())
    manifest = package / "manifest.yaml"
    text = manifest.read_text()
    manifest.write_text(brand + text.replace("persona:\n", "persona:\n  references: [face.png]\n", 1))
    (package / "brand.yaml").write_text('accent: "#00aa55"\nface: left\n')
    (package / "face.png").write_bytes(face("#0000ff") if reference is None else reference)
    return package


async def test_a_package_brings_brand_and_face(tmp_path: Path) -> None:
    package = read_package(a_package(tmp_path), specs=load_specs())
    assert package.brand == replace(shipped(), accent="#00aa55", face="left")
    house = await SmallHouse().open()
    store = house.store("office", Role.OFFICE)
    installed = await Installer(store, security=security()).install(
        Offer(manifest=package.manifest, digest=package.digest, by="ada", brand=package.brand, faces=package.faces)
    )
    editions = Editions(reads=store, roster=Roster(reads=store, clock=house.clock))
    style = await editions.style_of(installed.agent.id)
    assert style == Style(agent_id=installed.agent.id, brand=package.brand, faces=(face("#0000ff"),))
    assert await editions.style_of(house.agent.id) == Style(agent_id=house.agent.id), "the house's own"


@pytest.mark.parametrize(("brand", "reference", "says"), [
    ("brand: loud\n", None, "the house has no brand 'loud'"),
    ("brand: other.yaml\n", None, "there is no file 'other.yaml'"),
    ("", b"<svg/>", "'face.png' is no picture"),
    ("", b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000, "more than 262144 bytes"),
])  # fmt: skip
def test_a_brand_or_face_that_is_none_is_a_fault(
    tmp_path: Path, brand: str, reference: bytes | None, says: str
) -> None:
    with pytest.raises(Faults) as refused:
        read_package(a_package(tmp_path, brand=brand, reference=reference), specs=load_specs())
    assert says in str(refused.value)


@pytest.mark.parametrize("name", shipped_names())
def test_every_brand_of_the_house_draws_a_card_in_its_own_size(name: str) -> None:
    look = Look(name="ada", disclosure="[AI persona]", brand=shipped(name), faces=(face("#00ff00"),))
    made = card.card(look, title="Co-op week is back", body="Pix has already blamed the lag. " * 5)
    assert (made.width, made.height) == (look.brand.width, look.brand.height)
    assert (0, 255, 0) in colours(made.png)
    assert (0, 255, 0) in colours(card.portrait(look, title="Co-op week").png)
