"""Recognises the numbers that a state gives to a person, by their rules and check digits; weak ones only by context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from chimera.governance.privacy import checksums
from chimera.governance.privacy.found import Found
from chimera.governance.privacy.reading import Reading

_BREAKS = re.compile(r"[ .\-/]")
_NAMED_WITHIN = 40


class Paper(Struct, frozen=True, kw_only=True):
    """A number's form, its check, and how sure we are when nobody names it; 0 is not at all."""

    name: str
    form: re.Pattern[str]
    fits: Callable[[str], bool]
    cue: str
    unnamed_bp: int
    why: str = "form and check digits fit"


def _has_birth_date(digits: str) -> bool:
    month = int(digits[2:4]) % 20
    return 1 <= month <= 12 and 1 <= int(digits[4:6]) <= 31


def _pesel(digits: str) -> bool:
    return checksums.pesel(digits) and _has_birth_date(digits)


def _personnummer(digits: str) -> bool:
    short = digits[-10:]
    return 1 <= int(short[2:4]) <= 12 and 1 <= int(short[4:6]) % 60 <= 31 and checksums.luhn(short)


def _ssn(digits: str) -> bool:
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def _nino(_written: str) -> bool:
    return True  # Its prefixes are in the pattern; it has no check digit.


_EDGE, _END = r"(?<![\w.,+-])", r"(?![\w]|[.,-][0-9])"
PAPERS: tuple[Paper, ...] = (
    Paper(name="us-ssn", form=re.compile(_EDGE + r"[0-9]{3}-[0-9]{2}-[0-9]{4}" + _END), fits=_ssn, cue="us-ssn",
          unnamed_bp=8_500, why="the form and ranges of a US social security number"),
    Paper(name="us-ssn", form=re.compile(_EDGE + r"[0-9]{3} ?[0-9]{2} ?[0-9]{4}" + _END), fits=_ssn, cue="us-ssn",
          unnamed_bp=0, why="called a social security number, in its ranges"),
    Paper(name="uk-nino", cue="uk-nino", unnamed_bp=8_500, fits=_nino, why="the form of a UK national insurance number",
          form=re.compile(r"(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:[0-9]{2} ?){3}[A-D]"
                          r"(?!\w)", re.I)),
    Paper(name="de-steuer-id", form=re.compile(_EDGE + r"[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}" + _END),
          fits=checksums.steuer_id, cue="de-steuer-id", unnamed_bp=9_000),
    Paper(name="de-steuer-id", form=re.compile(_EDGE + r"[1-9][0-9]{10}" + _END), fits=checksums.steuer_id,
          cue="de-steuer-id", unnamed_bp=6_000),
    Paper(name="es-dni", form=re.compile(r"(?<!\w)(?:[0-9]{8}|[XYZ]-?[0-9]{7})[ -]?[A-Z](?!\w)", re.I),
          fits=checksums.dni, cue="es-dni", unnamed_bp=8_500),
    Paper(name="fr-nir", fits=checksums.nir, cue="fr-nir", unnamed_bp=9_500, form=re.compile(
        _EDGE + r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB])(?: ?[0-9]{3}){2} ?[0-9]{2}"
        + _END, re.I)),
    Paper(name="it-codice-fiscale", fits=checksums.codice_fiscale, cue="it-codice-fiscale", unnamed_bp=9_800,
          form=re.compile(r"(?<!\w)[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z](?!\w)",
                          re.I)),
    Paper(name="pl-pesel", form=re.compile(_EDGE + r"[0-9]{11}" + _END), fits=_pesel, cue="pl-pesel", unnamed_bp=7_000),
    Paper(name="br-cpf", form=re.compile(_EDGE + r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}" + _END), fits=checksums.cpf,
          cue="br-cpf", unnamed_bp=9_800),
    Paper(name="br-cpf", form=re.compile(_EDGE + r"[0-9]{11}" + _END), fits=checksums.cpf, cue="br-cpf", unnamed_bp=0),
    Paper(name="ch-ahv", form=re.compile(_EDGE + r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}" + _END), fits=checksums.ean13,
          cue="ch-ahv", unnamed_bp=9_800),
    Paper(name="nl-bsn", form=re.compile(_EDGE + r"[0-9]{9}" + _END), fits=checksums.bsn, cue="nl-bsn", unnamed_bp=0),
    Paper(name="se-personnummer", form=re.compile(_EDGE + r"(?:19|20)?[0-9]{6}[-+][0-9]{4}" + _END), fits=_personnummer,
          cue="se-personnummer", unnamed_bp=8_500),
)  # fmt: skip


def seeker(name: str) -> Callable[[Reading], Iterator[Found]]:
    """The search for one kind of number, in each of its forms."""
    papers = tuple(paper for paper in PAPERS if paper.name == name)

    def seek(reading: Reading) -> Iterator[Found]:
        for paper in papers:
            if paper.unnamed_bp or paper.cue in reading.cues:
                yield from _of(paper, reading)

    return seek


def _of(paper: Paper, reading: Reading) -> Iterator[Found]:
    for match in paper.form.finditer(reading.text):
        named = reading.before(paper.cue, match.start(), within=_NAMED_WITHIN)
        confidence_bp = 9_850 if named else paper.unnamed_bp
        if confidence_bp and paper.fits(_BREAKS.sub("", match[0])):
            yield Found(paper.name, match.start(), match.end(), confidence_bp, paper.why)
