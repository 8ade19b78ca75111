"""Reads the wallets' file (TOML): which chains, which tokens, who may be paid, within which bounds. Decides nothing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from chimera.domain.address import parse_address
from chimera.domain.errors import ChimeraError
from chimera.domain.faults import Fault, Faults
from chimera.domain.wallets import GATHER_SECONDS_MAX, NETWORKS, SHARED_MAX, ChainRules, WalletRules

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def load_wallets(path: Path) -> WalletRules:
    """The rules, or every fault at once."""
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text("utf-8")), WalletRules)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Faults([_fault(path, "", str(error), "mend the file: docs/guides/wallets.md shows one")],
                     code="wallets_invalid") from error  # fmt: skip
    faults = [fault for name, chain in rules.chains.items() for fault in _faults_of(path, name, chain)]
    faults += [_fault(path, f"wallets.{name}", "is not a name", "use small letters, digits and dashes")
               for name in (*rules.wallets, *rules.kms) if not _NAME.fullmatch(name)]  # fmt: skip
    if faults:
        raise Faults(faults, code="wallets_invalid")
    return rules


def _faults_of(path: Path, name: str, chain: ChainRules) -> list[Fault]:
    where = f"chains.{name}"
    faults: list[Fault] = []
    if name not in NETWORKS:
        faults.append(_fault(path, where, "is not a chain that we know", f"use one of {', '.join(NETWORKS)}"))
    if not chain.rpc.startswith(("http://", "https://")):
        faults.append(_fault(path, f"{where}.rpc", "is not a web address", "write http://… or https://…"))
    bounds = (chain.fee_wei_max, chain.gas_max, chain.fee_micros_max, chain.cap_micros_day, chain.confirmations)
    if min(bounds) <= 0 or min(chain.coin_micros_max, chain.human_over_micros, chain.final_blocks) < 0:
        faults.append(_fault(path, where, "a bound is not more than zero", "mend the number"))
    if min(chain.stuck_seconds, chain.patience_seconds + 1) <= 0:
        faults.append(_fault(path, where, "a time is negative", "mend the number"))
    faults += _sharing_faults(path, where, chain)
    for address in (*chain.recipients, *(token.address for token in chain.tokens.values())):
        try:
            parse_address(address, where=where)
        except ChimeraError as error:
            faults.append(_fault(path, where, error.message, error.remedy))
    return faults


def _sharing_faults(path: Path, where: str, chain: ChainRules) -> list[Fault]:
    faults: list[Fault] = []
    if not 1 <= chain.shared_max <= SHARED_MAX:
        faults.append(_fault(path, f"{where}.shared_max", f"is not from 1 to {SHARED_MAX}", "mend the number"))
    if not 0 < chain.gather_seconds <= GATHER_SECONDS_MAX:
        faults.append(_fault(path, f"{where}.gather_seconds", f"is not above 0 and at most {GATHER_SECONDS_MAX:.0f}",
                             "mend the number"))  # fmt: skip
    if chain.shared_micros_max < 0:
        faults.append(_fault(path, f"{where}.shared_micros_max", "is negative", "mend the number"))
    return faults


def _fault(path: Path, where: str, reason: str, remedy: str) -> Fault:
    return Fault(file=str(path), line=0, path=(where,) if where else (), reason=reason, remedy=remedy)
