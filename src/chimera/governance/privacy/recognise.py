"""Finds personal data and secrets in a text: every recogniser by name, asked only where its sign is. Masks nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter

from chimera.governance.privacy import circumstances, contacts, credentials, names, papers, payments
from chimera.governance.privacy.found import Found, Proof, Recogniser
from chimera.governance.privacy.reading import SIGNS, Reader, reader_of_signs, shipped_reader
from chimera.governance.safety.finding import Severity

TEXT_CHARS_MAX = 4_194_304
_HARM, _CAUTION = Severity.HARM, Severity.CAUTION
_CHECKSUM, _PATTERN, _CONTEXT, _NAME = Proof.CHECKSUM, Proof.PATTERN, Proof.CONTEXT, Proof.NAME


def _paper(name: str, meaning: str, digits_min: int, proof: Proof = Proof.CHECKSUM) -> Recogniser:
    return Recogniser(
        name=name, meaning=meaning, proof=proof, severity=_HARM, seek=papers.seeker(name), digits_min=digits_min
    )


def _said(name: str, meaning: str, severity: Severity) -> Recogniser:
    seek = circumstances.seeker(name)
    return Recogniser(name=name, meaning=meaning, proof=_CONTEXT, severity=severity, seek=seek, cues=(name,))


RECOGNISERS: tuple[Recogniser, ...] = (
    Recogniser(name="card", meaning="payment card", proof=_CHECKSUM, severity=_HARM,
               seek=payments.card, digits_min=12),
    Recogniser(name="iban", meaning="bank account (IBAN)", proof=_CHECKSUM, severity=_HARM,
               seek=payments.iban, digits_min=9),
    Recogniser(name="bitcoin-address", meaning="Bitcoin address", proof=_CHECKSUM, severity=_CAUTION,
               seek=payments.bitcoin, cues=("bech32",), digits_min=2),
    Recogniser(name="ethereum-address", meaning="Ethereum address", proof=_CHECKSUM, severity=_CAUTION,
               seek=payments.ethereum, cues=("hex",)),
    Recogniser(name="email", meaning="e-mail address", proof=_PATTERN, severity=_HARM,
               seek=contacts.email, cues=("at",)),
    Recogniser(name="phone", meaning="telephone number", proof=_PATTERN, severity=_HARM,
               seek=contacts.phone, digits_min=6),
    Recogniser(name="ip-address", meaning="network address (IPv4, IPv6)", proof=_PATTERN, severity=_CAUTION,
               seek=contacts.ip_address, cues=("colon",), digits_min=4),
    Recogniser(name="web-address", meaning="web address", proof=_PATTERN, severity=None,
               seek=contacts.web_address, cues=("scheme",)),
    _paper("us-ssn", "US social security number", 9, _PATTERN),
    _paper("uk-nino", "UK national insurance number", 6, _PATTERN),
    _paper("de-steuer-id", "German tax number (Steuer-ID)", 11),
    _paper("es-dni", "Spanish identity number (DNI, NIE)", 7),
    _paper("fr-nir", "French social security number (NIR)", 13),
    _paper("it-codice-fiscale", "Italian tax code (codice fiscale)", 5),
    _paper("pl-pesel", "Polish personal number (PESEL)", 11),
    _paper("br-cpf", "Brazilian tax number (CPF)", 11),
    _paper("ch-ahv", "Swiss social security number (AHV)", 13),
    _paper("nl-bsn", "Dutch citizen number (BSN)", 9),
    _paper("se-personnummer", "Swedish personal number", 10),
    Recogniser(name="api-key", meaning="key of a service", proof=_PATTERN, severity=_HARM,
               seek=credentials.api_key, cues=("key",)),
    Recogniser(name="private-key", meaning="private key", proof=_PATTERN, severity=_HARM,
               seek=credentials.private_key, cues=("pem",)),
    Recogniser(name="jwt", meaning="JSON web token", proof=_PATTERN, severity=_HARM,
               seek=credentials.token, cues=("jwt",)),
    Recogniser(name="url-credentials", meaning="web address with a password", proof=_PATTERN, severity=_HARM,
               seek=credentials.url_credentials, cues=("scheme",)),
    Recogniser(name="password", meaning="password or secret", proof=_CONTEXT, severity=_HARM,
               seek=credentials.password, cues=("password",)),
    _said("date-of-birth", "date of birth", _HARM),
    _said("postal-code", "postal code", _CAUTION),
    _said("vehicle-plate", "number plate", _CAUTION),
    _said("driving-licence", "driving licence", _HARM),
    _said("passport", "passport", _HARM),
    Recogniser(name="person", meaning="name of a person", proof=_NAME, severity=None, seek=names.person,
               cues=("introduction", "title", "given")),
    Recogniser(name="place", meaning="city or country", proof=_NAME, severity=None, seek=names.place,
               cues=("place", "dwelling")),
)  # fmt: skip
BY_NAME: dict[str, Recogniser] = {recogniser.name: recogniser for recogniser in RECOGNISERS}


class Finder:
    """Searches with the given recognisers, each only where one of its cues or enough digits are in the text."""

    __slots__ = ("_by_cue", "_by_digits", "_reader", "_recognisers")

    def __init__(self, recognisers: Iterable[Recogniser]) -> None:
        self._recognisers = tuple(recognisers)
        numbered = tuple(enumerate(self._recognisers))
        cues = frozenset(cue for recogniser in self._recognisers for cue in recogniser.cues)
        self._by_cue = {cue: frozenset(n for n, recogniser in numbered if cue in recogniser.cues) for cue in cues}
        self._by_digits = tuple((recogniser.digits_min, n) for n, recogniser in numbered if recogniser.digits_min)
        self._reader: Callable[[], Reader] = (
            partial(reader_of_signs, cues) if cues <= SIGNS and not self._by_digits else shipped_reader
        )

    def find(self, text: str) -> tuple[Found, ...]:
        """What stands in a text, in its order, without overlaps. Never raises; beyond the limit nothing is read."""
        reading = self._reader().read(text[:TEXT_CHARS_MAX])
        due = {n for digits_min, n in self._by_digits if reading.digits >= digits_min} if reading.digits else set[int]()
        for cue in reading.cues:
            due |= self._by_cue.get(cue, _NONE)
        found = [one for n in due for one in self._recognisers[n].seek(reading)]
        return _settled(found) if found else ()


_START = attrgetter("start")
_NONE: frozenset[int] = frozenset()
find = Finder(RECOGNISERS).find


def _settled(found: list[Found]) -> tuple[Found, ...]:
    """Where findings overlap the surest stays, then the longest, then the first, then by name."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: (-f.confidence_bp, f.start - f.end, f.start, f.type, f.why)):
        place = bisect_left(kept, one.start, key=_START)
        if (not place or kept[place - 1].end <= one.start) and (place == len(kept) or one.end <= kept[place].start):
            kept.insert(place, one)
    return tuple(kept)
