"""What a house thinks with, and its ways out. Shapes only: whoever begins fills them."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.rhythm import STEADY, Rhythm
from chimera.ports.meter import Meter, NoMeter
from chimera.ports.model import Model
from chimera.ports.publisher import Publisher
from chimera.ports.tools_read import ToolsRead


class Minds(Struct, frozen=True, kw_only=True):
    """What the house thinks with, who reads off how long that takes, and how long a day is where it publishes."""

    model: Model
    judge_model: Model
    meter: Meter = NoMeter()
    rhythm: Rhythm = STEADY


class Outside(Minds, frozen=True, kw_only=True):
    """The ways out of the house: the model's, the tools' and the publisher's."""

    tools: ToolsRead
    publisher: Publisher
