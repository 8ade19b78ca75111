"""Recognises what money moves by: cards, bank accounts, crypto addresses. Each is checked before it is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chimera.governance.privacy.checksums import base58check, bech32, eip55, luhn, mod97
from chimera.governance.privacy.found import Found
from chimera.governance.privacy.reading import Reading

_CARD = re.compile(r"[0-9](?<![\w.,+-].)(?:[ -]?[0-9]){11,18}(?![\w]|[.,-][0-9])")
_BREAK = re.compile(r"[ -]")
CARD_DIGITS_MIN = 12
_NAMED_WITHIN = 30
# Issuer ranges as (low, high, lengths) on the first six digits.
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (400000, 499999, frozenset({13, 16, 19})),  # Visa
    (510000, 559999, frozenset({16})),  # Mastercard
    (222100, 272099, frozenset({16})),
    (340000, 349999, frozenset({15})),  # American Express
    (370000, 379999, frozenset({15})),
    (300000, 305999, frozenset({14, 16})),  # Diners Club
    (360000, 369999, frozenset({14, 16, 19})),
    (380000, 399999, frozenset({14, 16, 19})),
    (352800, 358999, frozenset({16, 17, 18, 19})),  # JCB
    (213100, 213199, frozenset({15})),
    (180000, 180099, frozenset({15})),
    (220000, 220499, frozenset({16, 17, 18, 19})),  # Mir
    (620000, 629999, frozenset({16, 17, 18, 19})),  # UnionPay
    (601100, 601199, frozenset({16, 17, 18, 19})),  # Discover
    (644000, 659999, frozenset({16, 17, 18, 19})),
    (500000, 509999, frozenset(range(12, 20))),  # Maestro
    (560000, 699999, frozenset(range(12, 20))),
)
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_BITCOIN = re.compile(
    r"[13bB](?<![A-Za-z0-9].)(?:(?<=[13])[1-9A-HJ-NP-Za-km-z]{25,34}|(?<=b)c1[02-9ac-hj-np-z]{11,71}|(?<=B)C1[02-9AC-HJ-NP-Z]{11,71})(?![A-Za-z0-9])"
)
_ETHEREUM = re.compile(r"(?<![A-Za-z0-9])0x[0-9a-fA-F]{40}(?![A-Za-z0-9])")


def card(reading: Reading) -> Iterator[Found]:
    """Payment cards: Luhn's digit and the issuer's range and length; or Luhn's digit and the word card before it."""
    for match in _CARD.finditer(reading.text):
        start = match.start()
        end = _card_end(match[0], issued=True)
        if end:
            yield Found("card", start, start + end, 9_900, "issuer range, length and Luhn digit fit")
        elif reading.before("card", start, within=_NAMED_WITHIN):
            end = _card_end(match[0], issued=False)
            if end:
                yield Found("card", start, start + end, 8_000, "called a card, and the Luhn digit fits")


def _card_end(written: str, *, issued: bool) -> int:
    """How much of it is a card: what follows after a gap may be a date or a code. 0 is nothing."""
    ends = [len(written), *(match.start() for match in reversed(list(_BREAK.finditer(written))))]
    for end in ends:
        digits = _BREAK.sub("", written[:end])
        if len(digits) >= CARD_DIGITS_MIN and luhn(digits) and (_is_issued(digits) or not issued):
            return end
    return 0


def _is_issued(digits: str) -> bool:
    prefix = int(digits[:6])
    return any(low <= prefix <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)


def iban(reading: Reading) -> Iterator[Found]:
    """Bank accounts: the country's length, and 97."""
    for match in _IBAN.finditer(reading.text):
        length = IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        end = _end_of(match[0], length)
        if end and mod97(_BREAK.sub("", match[0][:end]).upper()):
            yield Found("iban", match.start(), match.start() + end, 9_900, "country, length and check digits fit")


def _end_of(written: str, length: int) -> int:
    """Where the given number of signs ends, when it ends there; or 0."""
    seen = 0
    for place, sign in enumerate(written, start=1):
        seen += sign not in " -"
        if seen == length:
            return 0 if written[place : place + 1].isalnum() else place
    return 0


def bitcoin(reading: Reading) -> Iterator[Found]:
    """Bitcoin addresses of every form, by their checksums."""
    for match in _BITCOIN.finditer(reading.text):
        if (bech32 if match[0][:3].lower() == "bc1" else base58check)(match[0]):
            yield Found("bitcoin-address", match.start(), match.end(), 9_900, "its checksum fits")


def ethereum(reading: Reading) -> Iterator[Found]:
    """Ethereum addresses; those in mixed case by their checksum."""
    for match in _ETHEREUM.finditer(reading.text):
        if eip55(match[0]):
            yield Found(
                "ethereum-address", match.start(), match.end(), 9_000, "its form, and in mixed case its checksum"
            )
