"""Each recogniser both ways: what it must find, and the same with a digit changed, which it must not."""

import pytest

from chimera.governance.privacy.checksums import keccak256
from chimera.governance.privacy.mask import redact
from chimera.governance.privacy.recognise import BY_NAME, RECOGNISERS, find

# (type, the value, text around it, the same value broken, what makes it no longer one)
PAIRS = [
    ("card", "4111 1111 1111 1111", "pay with {}", "4111 1111 1111 1112"),
    ("card", "4111111111111111", "pay with {} 123", "4111111111111121"),
    ("card", "378282246310005", "amex {}", "378282246310006"),
    ("card", "5555-5555-5555-4444", "{}", "5555-5555-5555-4445"),
    ("card", "30569309025904", "diners {}", "30569309025905"),
    ("card", "3566002020360505", "{}", "3566002020360506"),
    ("iban", "DE89 3704 0044 0532 0130 00", "to {} please", "DE89 3704 0044 0532 0130 01"),
    ("iban", "GB82WEST12345698765432", "to {}.", "GB82WEST12345698765433"),
    ("iban", "FR14 2004 1010 0505 0001 3M02 606", "{}", "FR15 2004 1010 0505 0001 3M02 606"),
    ("bitcoin-address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "send to {}", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    ("bitcoin-address", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "{}", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLz"),
    (
        "bitcoin-address",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "{}",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    ),
    (
        "bitcoin-address",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "{}",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj9",
    ),
    (
        "ethereum-address",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "{}",
        "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ),
    ("us-ssn", "536-90-4399", "my ssn is {}", "666-90-4399"),
    ("us-ssn", "536904399", "social security number {}", "536900000"),
    ("uk-nino", "AB 12 34 56 C", "{}", "GB 12 34 56 C"),
    ("de-steuer-id", "86095742719", "Steuer-ID {}", "86095742718"),
    ("es-dni", "12345678Z", "DNI {}", "12345678A"),
    ("es-dni", "X1234567L", "NIE {}", "X1234567M"),
    ("fr-nir", "2 55 08 14 168 025 38", "{}", "2 55 08 14 168 025 39"),
    ("fr-nir", "180012A12345620", "NIR {}", None),
    ("it-codice-fiscale", "RSSMRA85T10A562S", "{}", "RSSMRA85T10A562T"),
    ("pl-pesel", "44051401359", "PESEL {}", "44051401358"),
    ("br-cpf", "529.982.247-25", "{}", "529.982.247-26"),
    ("ch-ahv", "756.9217.0769.85", "{}", "756.9217.0769.86"),
    ("nl-bsn", "111222333", "BSN {}", "111222334"),
    ("se-personnummer", "811228-9874", "{}", "811228-9875"),
    ("email", "ana.silva+news@mail.example.com", "write to {}!", "ana.silva+news@mail"),
    ("phone", "+351 912 345 678", "{}", "+351 9 1"),
    ("phone", "(415) 555-2671", "ring {}", "(415) 555-26"),
    ("phone", "020 7946 0958", "{}", "020 794"),
    ("phone", "9946 0958", "call me at {}", "99460"),
    ("ip-address", "203.0.113.77", "from {}", "203.0.113.277"),
    ("ip-address", "2001:db8:85a3::8a2e:370:7334", "from {}", "2001:db8:85a3::8a2e::7334"),
    ("web-address", "https://ana.example.com/about", "see {}", "ana"),
    ("url-credentials", "postgres://ana:geheim@db.example.com:5432", "{}/fleet", "postgres://db.example.com:5432"),
    ("api-key", "AKIA" + "IOSFODNN7EXAMPLE", "{}", "AKIA" + "IOSFODNN7"),
    ("api-key", "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "{}", "ghp_abc"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "{}", "eyJhbGciOiJIUzI1NiJ9"),
    ("password", "hunter2hunter2", "password: {}", "remember"),
    ("date-of-birth", "12.03.1985", "born on {}", "12.03"),
    ("date-of-birth", "March 4, 1990", "date of birth: {}", "March"),
    ("postal-code", "SW1A 1AA", "postcode: {}", "SW"),
    ("postal-code", "94107", "my zip code is {}", "9"),
    ("vehicle-plate", "B-MW 1234", "Kennzeichen: {}", "unknown"),
    ("driving-licence", "D1234567", "my driver's license number is {}", "lost"),
    ("passport", "C01X00T47", "passport number {}", "renewal"),
    ("person", "Maria da Silva", "my name is {}", "tired"),
    ("person", "Okonkwo", "Dear Mrs. {},", "all"),
    ("place", "Lisbon", "sunny {}", "lisbon"),
    ("place", "Vila Real", "I live in {}", "peace"),
]


@pytest.mark.requirement("R-D5")
@pytest.mark.parametrize(("kind", "value", "around", "broken"), PAIRS)
def test_the_real_one_is_found_and_the_broken_one_is_not(
    kind: str, value: str, around: str, broken: str | None
) -> None:
    text = around.format(value)
    found = [one for one in find(text) if one.type == kind]
    assert [text[one.start : one.end] for one in found] == [value], find(text)
    assert 0 < found[0].confidence_bp <= 10_000
    assert found[0].why
    assert broken is None or not any(one.type == kind for one in find(around.format(broken)))


# A check digit catches every change of one digit, so each place is tried with every other digit.
CHECKED = [
    ("card", "4111111111111111", "{}"),
    ("iban", "DE89370400440532013000", "{}"),
    ("de-steuer-id", "86095742719", "Steuer-ID {}"),
    ("es-dni", "12345678Z", "{}"),
    ("fr-nir", "255081416802538", "{}"),
    ("br-cpf", "529.982.247-25", "{}"),
    ("ch-ahv", "756.9217.0769.85", "{}"),
    ("nl-bsn", "111222333", "BSN {}"),
    ("pl-pesel", "44051401359", "PESEL {}"),
    ("se-personnummer", "811228-9874", "{}"),
]


@pytest.mark.requirement("R-D5")
@pytest.mark.parametrize(("kind", "value", "around"), CHECKED)
def test_no_single_wrong_digit_passes(kind: str, value: str, around: str) -> None:
    for place, sign in enumerate(value):
        for digit in "0123456789" if sign.isdigit() else "":
            wrong = value[:place] + digit + value[place + 1 :]
            if wrong != value:
                assert not any(one.type == kind for one in find(around.format(wrong))), wrong


HARMLESS = [
    "", "What a lovely day in the park :)", "It costs 1,234,567.89 EUR, or 3.14159 times as much.",
    "Version 1.2.3.4 came out on 2024-05-17 at 12:30:45.", "@ana thanks, and @bo@mastodon.example too",
    "ISBN 978-3-16-148410-0, order 12345678901234", "The score was 3-2, then 10:4, and 1500 people came.",
    "ask-me-anything at the sk-club, risk-free", "commit 3f786850e387550fdaab836ed7e6dc881de23001",
]  # fmt: skip


@pytest.mark.requirement("R-D5")
@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert find(text) == ()
    assert redact(text) == text


@pytest.mark.requirement("R-D5")
def test_a_private_key_is_found_whole() -> None:
    text = "here:\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\nbye"
    (found,) = find(text)
    assert found.type == "private-key"
    assert redact(text) == "here:\n[private key 1]\nbye"


def test_every_recogniser_is_tried_above() -> None:
    tried = {kind for kind, *_ in PAIRS} | {"private-key"}
    assert tried == {recogniser.name for recogniser in RECOGNISERS} == BY_NAME.keys()


def test_keccak_is_the_one_before_nist() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
