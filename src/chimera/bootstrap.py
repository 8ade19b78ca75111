"""Assembles the house: reads settings, starts what is embedded, gives every part exactly what its constructor asks for.

The only place that knows all adapters. Decides nothing about goals, drafts or money.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.documents.governance import load_lexicon, load_pack
from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.adapters.documents.wallets import load_wallets
from chimera.adapters.local.home import Home, keep_secret, prepare_home, socket_folder
from chimera.adapters.local.keeping import kept_postgres
from chimera.adapters.postgres.install import install
from chimera.adapters.postgres.ledger import PostgresLedger, open_ledger
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.store import PostgresStore, open_reads, open_store
from chimera.adapters.rates.http import EuropeanRates, OpenRates
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.vault import keys
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.folder import CLIENTS
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.adapters.vault.process import Begin
from chimera.adapters.vault.published import PublishedKeys
from chimera.adapters.vault.server import SECOND
from chimera.domain.errors import Conflict, Invalid, Unavailable
from chimera.domain.prompt import Prompt
from chimera.domain.roles import Role
from chimera.domain.wallets import Carriage
from chimera.governance.breakers import BreakerReadings, Breakers
from chimera.governance.cfo import CFOAgent
from chimera.governance.contracts import Contracts
from chimera.governance.exchange import Exchange
from chimera.governance.gate import Gate
from chimera.governance.halts import Halts
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import PolicyPack
from chimera.governance.reviews import Reviews
from chimera.governance.safety.gateway import SafetyGateway
from chimera.governance.sealing import SealVerifier
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.governance.treasury import Treasury
from chimera.pipeline.effects import Effects
from chimera.pipeline.intake import Intake
from chimera.pipeline.judge import Judge
from chimera.pipeline.planner import Planner
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.pipeline.worker import Worker
from chimera.ports.clock import Clock
from chimera.ports.meter import Meter, NoMeter
from chimera.ports.model import Model
from chimera.ports.publisher import Publisher, Traits
from chimera.ports.sealer import Sealer
from chimera.ports.store import Store
from chimera.ports.tools_read import ToolsRead
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import PLATFORMS, Scenario
from chimera.settings import Settings, read_settings
from chimera.skills.registry import SKILLS
from chimera.swarm.court import Court
from chimera.swarm.listening import Listening
from chimera.swarm.manager import Manager, Stages
from chimera.swarm.orchestrator import Orchestrator
from chimera.swarm.pool import Pool
from chimera.swarm.roster import Roster

RUNNING = "running.json"
GC_THRESHOLDS = (50_000, 20, 100)
LOGINS = (Role.OFFICE, Role.MANAGER, Role.EFFECTS, Role.AUDITOR)


class Database(Struct, frozen=True, kw_only=True):
    """Where the truth is, and the password of each role."""

    dsn: str
    passwords: Mapping[Role, str]
    admin_dsn: str = ""

    async def store(self, role: Role, *, writer: str) -> PostgresStore:
        """Open it for one writer."""
        return await open_store(self.dsn, writer=writer, role=role, password=self.passwords[role])

    async def ledger(self) -> PostgresLedger:
        """Open it for reading, the ledger too."""
        return await open_ledger(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR])

    async def reads(self) -> PostgresReads:
        """Open it for reading."""
        return await open_reads(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR])


class Rules(Struct, frozen=True, kw_only=True):
    """What is written in files and read once: contracts, prompts, policy."""

    contracts: Contracts
    prompts: Mapping[str, Prompt]
    pack: PolicyPack
    gate: Gate


class Outside(Struct, frozen=True, kw_only=True):
    """The ways out of the house: the model's, the tools' and the publisher's."""

    model: Model
    judge_model: Model
    tools: ToolsRead
    publisher: Publisher
    meter: Meter = NoMeter()


class Fleet(Struct, frozen=True, kw_only=True):
    """A running fleet, as commands see it."""

    clock: Clock
    office: Store
    reads: PostgresReads
    intake: Intake
    reviews: Reviews
    halts: Halts
    listening: Listening
    manager: Manager


def packages_folder() -> Path:
    """The agent packages that come with Chimera: in the wheel, or beside the source."""
    inside = Path(__file__).parent / "agents"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "agents"


# ── the database ────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def database(settings: Settings) -> AsyncGenerator[Database]:
    """The truth, ready for this version: a real server by its address, or the embedded one under our home."""
    home = prepare_home(settings.folder)
    passwords = {role: keep_secret(home, f"database-{role.value}") for role in LOGINS}
    if settings.database_url:
        await install(settings.database_url, passwords)
        yield Database(dsn=settings.database_url, passwords=passwords, admin_dsn=settings.database_url)
        return
    async with kept_postgres(home) as kept:
        await install(kept.running.superuser_dsn, passwords)
        dsn = kept.running.dsn("nobody", "none")
        _say_running(home, dsn)
        try:
            yield Database(dsn=dsn, passwords=passwords, admin_dsn=kept.running.superuser_dsn)
        finally:
            (home / RUNNING).unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def running_or_own_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database of the fleet that runs on this home; if none does, our own for as long as the command takes."""
    try:
        held = Home.open(settings.folder)
    except Conflict as conflict:
        yield _joined(settings, conflict)
        return
    with held:
        async with database(settings) as own:
            yield own


def _joined(settings: Settings, conflict: Conflict) -> Database:
    home = prepare_home(settings.folder)
    passwords = {role: keep_secret(home, f"database-{role.value}") for role in LOGINS}
    if settings.database_url:
        return Database(dsn=settings.database_url, passwords=passwords)
    try:
        return Database(dsn=msgspec.json.decode((home / RUNNING).read_bytes(), type=str), passwords=passwords)
    except OSError:
        raise conflict from None


def _say_running(home: Path, dsn: str) -> None:
    draft = home / f"{RUNNING}.draft"
    draft.write_bytes(msgspec.json.encode(dsn))
    draft.replace(home / RUNNING)


@contextlib.asynccontextmanager
async def office_store() -> AsyncGenerator[Store]:
    """The store for one command of the command line, under a writer of its own."""
    async with running_or_own_database(read_settings()) as found:
        store = await found.store(Role.OFFICE, writer="cli")
        try:
            yield store
        finally:
            await store.close()


# ── the vault ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Vaults(Struct, frozen=True, kw_only=True):
    """The clients of the vaults: for the manager, for the office, and, where there are wallets, for effects."""

    manager: VaultClient
    office: VaultClient
    payer: VaultClient
    second_office: VaultClient | None = None
    second_payer: VaultClient | None = None

    async def halt(self, halted: frozenset[str]) -> None:
        """Tell both what is halted."""
        await self.office.halt(halted)
        if self.second_office is not None:
            await self.second_office.halt(halted)

    async def close(self) -> None:
        """Hang up everywhere."""
        for client in (self.manager, self.office, self.payer, self.second_office, self.second_payer):
            if client is not None:
                await client.close()


@contextlib.asynccontextmanager
async def vault(settings: Settings, rules: Rules, clock: Clock) -> AsyncGenerator[Vaults]:
    """The vault's process, and the second one's where there are wallets. They end when we do."""
    home = prepare_home(settings.folder)
    wallets = load_wallets(settings.wallets_file) if settings.wallets_file else None
    clients = vaults_of(settings, clock, second=wallets is not None)
    async with contextlib.AsyncExitStack() as stack:
        if wallets is not None:
            # The second answers first: the first learns at its start whose consents count.
            begin = Begin(passphrase=settings.second_vault_passphrase, rules=wallets, order=SECOND,
                          sealers=str(home / "vault" / "sealing"))  # fmt: skip
            await stack.enter_async_context(kept_vault(_order(settings, rules, begin, folder=home / "vault-second")))
            keys.pin(home / "vault-second" / "consent.pub", home / "vault" / "consents" / "second.pub")
        begin = Begin(passphrase=settings.vault_passphrase, rules=wallets, kms_key=settings.vault_kms_key,
                      kms_endpoint=settings.vault_kms_endpoint)  # fmt: skip
        await stack.enter_async_context(kept_vault(_order(settings, rules, begin, folder=home / "vault")))
        stack.push_async_callback(clients.close)
        yield clients


def vaults_of(settings: Settings, clock: Clock, *, second: bool) -> Vaults:
    """Clients with keys of their own, which the vaults know; whether the vaults run or not."""
    home = prepare_home(settings.folder)
    secret = keys.passphrase(home / "clients", "")
    made = {name: keys.load_or_make(home / "clients" / f"{name}.key", secret) for name in CLIENTS}
    folders = (home / "vault", home / "vault-second") if second else (home / "vault",)
    for folder in folders:
        for name, key in made.items():
            keys.publish(folder / "clients" / f"{name}.pub", key)

    def client(folder: Path, name: str) -> VaultClient:
        return VaultClient(_socket(home, folder), client=name, key=made[name], clock=clock)

    beside = folders[-1]
    return Vaults(
        manager=client(folders[0], "manager"), office=client(folders[0], "office"), payer=client(folders[0], "effects"),
        second_office=client(beside, "office") if second else None,
        second_payer=client(beside, "effects") if second else None,
    )  # fmt: skip


def _socket(home: Path, folder: Path) -> Path:
    return socket_folder(home) / f"{folder.name}.sock"


def _order(settings: Settings, rules: Rules, begin: Begin, *, folder: Path) -> VaultOrder:
    socket = _socket(prepare_home(settings.folder), folder)
    return VaultOrder(folder=folder, socket=socket, policy_digest=rules.pack.digest,
                      cap_micros_day=settings.vault_cap_micros_day, begin=begin)  # fmt: skip


@contextlib.asynccontextmanager
async def running_or_own_vault(settings: Settings) -> AsyncGenerator[Vaults]:
    """The vaults of the fleet that runs on this home; if none does, our own for as long as the command takes."""
    clock = SystemClock()
    found = vaults_of(settings, clock, second=bool(settings.wallets))
    try:
        await found.office.hello()
    except Unavailable:
        await found.close()
        async with vault(settings, rules(), clock) as own:
            yield own
        return
    try:
        yield found
    finally:
        await found.close()


async def carriage_quotes(settings: Settings) -> Sequence[Carriage]:
    """What carriage costs on each chain now, cheapest first."""
    # Imported when used: web3 takes longer to load than all the rest.
    from chimera.adapters.chain.quoting import quotes

    if settings.wallets_file is None:
        raise Invalid("wallets_missing", "there are no wallets", where="CHIMERA_WALLETS",
                      remedy="write the file that docs/guides/wallets.md shows")  # fmt: skip
    return await quotes(load_wallets(settings.wallets_file))


@contextlib.asynccontextmanager
async def _paying(
    settings: Settings, vaults: Vaults, publisher: Publisher, *, acting: Store, clock: Clock
) -> AsyncGenerator[Publisher]:
    """The publisher with wallets in front of it, where there are any; they watch their chains meanwhile."""
    if settings.wallets_file is None:
        yield publisher
        return
    # Imported when used: web3 takes longer to load than all the rest.
    from chimera.adapters.chain.assembly import open_wallets

    made = open_wallets(
        load_wallets(settings.wallets_file), keys=vaults.payer, second=vaults.second_payer, store=acting,
        clock=clock, given=prepare_home(settings.folder) / "consents", otherwise=publisher,
    )  # fmt: skip
    async with made as paying:
        yield paying


def seal_verifier(settings: Settings) -> SealVerifier:
    """Verifies with the public keys that the vault published, those after a rotation too."""
    return SealVerifier(PublishedKeys(prepare_home(settings.folder) / "vault" / "sealing"))


def cfo_key(settings: Settings) -> Ed25519PublicKey | None:
    """The public half of the CFO's key, where the vault has published it."""
    path = prepare_home(settings.folder) / "vault" / "cfo.pub"
    return keys.public_key(path) if path.is_file() else None


def exchange(settings: Settings) -> Exchange:
    """The two sources of exchange rates, by the addresses that are set."""
    return Exchange(sources=(EuropeanRates(settings.rates_url_first), OpenRates(settings.rates_url_second)),
                    clock=SystemClock())  # fmt: skip


# ── the fleet ───────────────────────────────────────────────────────────────────────────────────────────────────────


def rules() -> Rules:
    """Everything that is written in files."""
    specs = load_specs()
    pack = load_pack()
    gate = Gate(policy=PolicyEngine(pack), safety=SafetyGateway(load_lexicon()), specs=specs)
    return Rules(contracts=Contracts(specs), prompts=load_prompts(), pack=pack, gate=gate)


@contextlib.asynccontextmanager
async def sandbox_outside(url: str, scenario: Scenario, *, found: Database) -> AsyncGenerator[Outside]:
    """The ways out in a rehearsal: the simulated network over MCP, and the offline model. No keys needed."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.adapters.mcp.publisher import McpPublisher, Route
    from chimera.adapters.mcp.session import McpSession
    from chimera.adapters.mcp.tools_read import McpToolsRead

    clock, reads = SystemClock(), await found.reads()
    permits = Roster(reads=reads, clock=clock)
    async with _closing(reads), McpSession(url, clock) as session:
        network = scenario.rules
        traits = Traits(deduplicates=network.deduplicates, looks_up=network.looks_up,
                        settling_seconds=network.settling_seconds)  # fmt: skip
        yield Outside(
            model=OfflineModel(seed=scenario.seed, manners=scenario.manners, clock=clock),
            # Another model than the worker's: whoever judges does not judge his own work.
            judge_model=OfflineModel(seed=scenario.seed + 1, manners=scenario.manners, clock=clock),
            tools=McpToolsRead({"sandbox": session}, may_use=permits.may_use),
            publisher=McpPublisher({name: Route(session=session, traits=traits) for name in PLATFORMS}, clock),
        )


@contextlib.asynccontextmanager
async def _closing(reads: PostgresReads) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await reads.close()


@contextlib.asynccontextmanager
async def fleet(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[Fleet]:
    """Everything of one machine, running: manager, orchestrator, effects, with the vault as a process of its own."""
    clock, written = SystemClock(), rules()
    async with contextlib.AsyncExitStack() as stack:
        vaults = await stack.enter_async_context(vault(settings, written, clock))
        office = await _entered(stack, found, Role.OFFICE, "office")
        managing = await _entered(stack, found, Role.MANAGER, "manager-0")
        acting = await _entered(stack, found, Role.EFFECTS, "effects-0")
        reads = await found.reads()
        stack.push_async_callback(reads.close)
        security = SecurityGateway(CachedScanner(shipped_scanner()))
        intake = Intake(security=security, store=office, clock=clock, ids=SystemIds())
        publisher = await stack.enter_async_context(
            _paying(settings, vaults, outside.publisher, acting=acting, clock=clock)
        )
        outside = msgspec.structs.replace(outside, publisher=publisher)
        ledger = await found.ledger()
        stack.push_async_callback(ledger.close)
        cfo = CFOAgent(reads=managing, outcomes=ledger, attestor=vaults.manager, treasury=Treasury(zone=settings.zone),
                       clock=clock)  # fmt: skip
        manager = _manager(settings, written, outside, vaults.manager, managing=managing, acting=acting, cfo=cfo)
        reviews = Reviews(store=office)
        listening = Listening(intake=intake, reads=reads, tools=outside.tools)
        breakers = Breakers(
            reads=office,
            halts=Halts(store=office, ids=SystemIds()),
            readings=BreakerReadings(reads=office, treasury=Treasury(zone=settings.zone), clock=clock),
        )
        orchestrator = Orchestrator(reviews=reviews, reads=reads, vault=vaults, arrived=manager.arrived, clock=clock,
                                    listening=listening, breakers=breakers)  # fmt: skip
        # The vault takes everything for halted until it is told. If it is away now, the orchestrator tells it later.
        with contextlib.suppress(Unavailable):
            await vaults.halt(await reads.halted())
        _settle_memory()
        await _run_beside(stack, manager, orchestrator)
        yield Fleet(clock=clock, office=office, reads=reads, intake=intake, reviews=reviews, manager=manager,
                    halts=Halts(store=office, ids=SystemIds()), listening=listening)  # fmt: skip


async def _entered(stack: contextlib.AsyncExitStack, found: Database, role: Role, writer: str) -> PostgresStore:
    store = await found.store(role, writer=writer)
    stack.push_async_callback(store.close)
    return store


def _manager(
    settings: Settings, written: Rules, outside: Outside, sealer: Sealer, *, managing: Store, acting: Store,
    cfo: CFOAgent,
) -> Manager:  # fmt: skip
    clock, ids = SystemClock(), SystemIds()
    worker = Worker(model=outside.model, tools=outside.tools, skills=SKILLS, prompts=written.prompts,
                    contracts=written.contracts, clock=clock)  # fmt: skip
    stages = Stages(
        planner=Planner(model=outside.model, contracts=written.contracts, treasury=Treasury(zone=settings.zone),
                        prompt=written.prompts["plan"],
                        store=managing, clock=clock, ids=ids),
        court=_court(settings, written, outside, clock, cfo),
        sealing=Sealing(sealer=sealer, store=managing, clock=clock, ids=ids),
        settle=Settle(store=managing, clock=clock),
        effects=Effects(store=acting, publisher=outside.publisher, seals=seal_verifier(settings), clock=clock),
    )  # fmt: skip
    return Manager(stages=stages, store=managing, dispatch=Pool(worker.work, workers=settings.workers), clock=clock)


def _court(settings: Settings, written: Rules, outside: Outside, clock: Clock, cfo: CFOAgent) -> Court:
    judge = Judge(model=outside.judge_model, contracts=written.contracts, prompt=written.prompts["judge"])
    return Court(judge=judge, gate=written.gate, treasury=Treasury(zone=settings.zone), contracts=written.contracts,
                 clock=clock, meter=outside.meter, cfo=cfo)  # fmt: skip


def _settle_memory() -> None:
    """What is loaded by now stays: the collector need not look at it again, nor at every few hundred small structs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _run_beside(stack: contextlib.AsyncExitStack, manager: Manager, orchestrator: Orchestrator) -> None:
    """Both run until the stack is left; if one of them breaks, whoever waits on the fleet is told."""
    owner = asyncio.current_task()
    running = [asyncio.create_task(manager.run()), asyncio.create_task(orchestrator.run())]

    def broken(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and owner is not None:
            owner.cancel()

    async def stop() -> None:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    for task in running:
        task.add_done_callback(broken)
    stack.push_async_callback(stop)
