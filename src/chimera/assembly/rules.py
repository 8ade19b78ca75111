"""Reads what is written in files, once: contracts, prompts, policy. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from chimera.adapters.documents.governance import load_lexicon, load_pack
from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.domain.prompt import Prompt
from chimera.domain.spec import Spec
from chimera.governance.answers import Tally
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import PolicyPack
from chimera.governance.safety.gateway import SafetyGateway


class Rules(Struct, frozen=True, kw_only=True):
    """What is written in files and read once: contracts, prompts, policy."""

    contracts: Contracts
    prompts: Mapping[str, Prompt]
    pack: PolicyPack
    gate: Gate
    tally: Tally

    def for_another(self) -> Rules:
        """The same for another manager of this process: reading the files anew would keep its shards waiting.

        What a gate remembers and a tally counts belongs to one manager.
        """
        return msgspec.structs.replace(self, gate=_gate(self.pack, self.contracts.specs), tally=Tally())


def read_rules(pack: PolicyPack | None = None) -> Rules:
    """Everything that is written in files; under another policy than the one in them, if one is given."""
    specs = load_specs()
    pack = pack or load_pack()
    return Rules(contracts=Contracts(specs), prompts=load_prompts(), pack=pack, gate=_gate(pack, specs), tally=Tally())


def _gate(pack: PolicyPack, specs: Mapping[str, Spec]) -> Gate:
    return Gate(policy=PolicyEngine(pack), safety=SafetyGateway(load_lexicon()), specs=specs)
