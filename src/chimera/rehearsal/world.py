"""Builds a rehearsal: the network, the way to it, its audience, the truth about it, and the model that acts in it."""

from __future__ import annotations

from msgspec import Struct

from chimera.ports.clock import Clock
from chimera.rehearsal.audience import Audience
from chimera.rehearsal.line import Line
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.network import Network
from chimera.rehearsal.scenario import Scenario
from chimera.rehearsal.truth import GroundTruth


class World(Struct, frozen=True, kw_only=True):
    """What belongs to one rehearsal. The fleet gets the line and the model; the truth is for whoever scores it."""

    scenario: Scenario
    network: Network
    line: Line
    audience: Audience
    truth: GroundTruth
    model: OfflineModel


def build(scenario: Scenario, clock: Clock, *, accounts: tuple[str, ...] = ()) -> World:
    """A world at its first moment. `accounts` are the fleet's."""
    network, truth = Network(scenario), GroundTruth()
    for handle in accounts:
        network.society.open_account(handle, ours=True)
    return World(
        scenario=scenario,
        network=network,
        line=Line(network, clock),
        audience=Audience(network, truth, now_us=clock.now_us()),
        truth=truth,
        model=OfflineModel(seed=scenario.seed, manners=scenario.manners, clock=clock, truth=truth),
    )
