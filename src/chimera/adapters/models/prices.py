"""What a provider asks for a model's tokens: the operator's own figure, or a library's table. Asks no network."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import genai_prices
from msgspec import Struct

from chimera.adapters.models.configuration import OFFLINE, ModelPart
from chimera.domain.errors import Invalid
from chimera.domain.money import MICROS

OWN = "the configuration"
NOTHING = "nothing to pay"
TABLE = f"genai-prices {genai_prices.__version__}"
_SAMPLE = 1_000
_MILLION = 1_000_000


class Price(Struct, frozen=True, kw_only=True):
    """Micros for a million tokens each way, and who says so."""

    input_micros: int
    output_micros: int
    source: str


def price_of(name: str, part: ModelPart) -> Price:
    """The price of a model. What costs nobody knows how much is refused: it could not be held before a call."""
    own = (part.input_micros_per_million_tokens, part.output_micros_per_million_tokens)
    if own != (None, None):
        return Price(input_micros=own[0] or 0, output_micros=own[1] or 0, source=OWN)
    # An address of one's own is one's own machine, or a provider of whom no table knows what one has agreed with it.
    if part.wire in (OFFLINE, "local") or part.url:
        return Price(input_micros=0, output_micros=0, source=NOTHING)
    try:
        asked = genai_prices.Usage(input_tokens=_SAMPLE, output_tokens=0)
        answered = genai_prices.Usage(input_tokens=0, output_tokens=_SAMPLE)
        return Price(input_micros=_asked(part, asked), output_micros=_asked(part, answered), source=TABLE)
    except LookupError as error:
        raise Invalid("models_invalid", f"nobody knows what {part.model!r} costs: {TABLE} does not list it",
                      where=f"models.{name}",
                      remedy="write input_ and output_micros_per_million_tokens") from error  # fmt: skip


def _asked(part: ModelPart, usage: genai_prices.Usage) -> int:
    """For a million tokens as few as ours at a time: what long questions cost more does not concern them."""
    found = genai_prices.calc_price(usage, part.model, provider_id=part.wire).total_price
    return int((Decimal(found) * MICROS * (_MILLION // _SAMPLE)).to_integral_value(ROUND_CEILING))
