"""Check digits and checksums, each as its issuer publishes it. Pure; takes what a pattern has already matched."""

from __future__ import annotations

import hashlib

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_CONSTANTS = (1, 0x2BC830A3)  # bech32 and bech32m
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_FISCAL_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: cards, and the Swedish personal number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(account: str) -> bool:
    """ISO 13616: an IBAN with its first four signs moved to the end leaves 1."""
    turned = account[4:] + account[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def ean13(digits: str) -> bool:
    """The Swiss AHV number is an EAN-13."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def weighted(digits: str, weights: tuple[int, ...], *, modulus: int) -> bool:
    """The weighted sum of the digits is a multiple of the modulus."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % modulus == 0


def pesel(digits: str) -> bool:
    """Poland."""
    return weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), modulus=10)


def bsn(digits: str) -> bool:
    """The Netherlands: the eleven-test."""
    return weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), modulus=11) and digits != "000000000"


def cpf(digits: str) -> bool:
    """Brazil: two check digits, and never one digit eleven times."""
    return len(set(digits)) > 1 and all(_cpf_digit(digits[:size]) == int(digits[size]) for size in (9, 10))


def _cpf_digit(digits: str) -> int:
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True))
    return total * 10 % 11 % 10


def steuer_id(digits: str) -> bool:
    """Germany: among the first ten digits exactly one repeats, twice or thrice; ISO 7064 MOD 11,10 closes it."""
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if counts[-1] not in (2, 3) or (len(counts) > 1 and counts[-2] != 1):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def dni(number: str) -> bool:
    """Spain: eight digits (for residents X, Y or Z and seven) and the letter that follows from them."""
    number = number.upper()
    return _DNI_LETTERS[int(number[:-1].translate(_NIE_DIGITS)) % 23] == number[-1]


_NIE_DIGITS = str.maketrans("XYZ", "012")


def nir(number: str) -> bool:
    """France: thirteen digits (Corsica 2A, 2B) and 97 minus their remainder."""
    number = number.upper()
    corsica = {"A": 1_000_000, "B": 2_000_000}.get(number[6], 0)
    body = int(number[:13].replace("A", "0").replace("B", "0")) - corsica
    return 97 - body % 97 == int(number[13:15])


def codice_fiscale(code: str) -> bool:
    """Italy: odd and even places weigh differently; the sixteenth sign is the sum's letter."""
    code = code.upper()
    total = 0
    for place, sign in enumerate(code[:15]):
        value = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        total += value if place % 2 else _FISCAL_ODD[value]
    return chr(ord("A") + total % 26) == code[15]


def base58check(address: str) -> bool:
    """Bitcoin's older addresses: 25 bytes, of which the last four are the hash of the others."""
    number = 0
    for sign in address:
        number = number * 58 + _BASE58.index(sign)
    if number.bit_length() > 200:
        return False
    data = number.to_bytes(25, "big")
    zeros = len(address) - len(address.lstrip("1"))
    digest = hashlib.sha256(hashlib.sha256(data[:21]).digest()).digest()
    return digest[:4] == data[21:] and zeros == len(data) - len(data.lstrip(b"\0"))


def bech32(address: str) -> bool:
    """Bitcoin's newer addresses, of the first and of later versions."""
    address = address.lower()
    prefix, _, body = address.rpartition("1")
    values = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    state = 1
    for value in values + [_BECH32.index(sign) for sign in body]:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_BECH32_GENERATORS):
            state ^= generator if top >> place & 1 else 0
    return state in _BECH32_CONSTANTS


def eip55(address: str) -> bool:
    """Ethereum: in mixed case each letter's case is a bit of the hash; in one case there is nothing to check."""
    body = address[2:]
    if body in (body.lower(), body.upper()):
        return True
    digest = keccak256(body.lower().encode()).hex()
    return all(
        sign.isdigit() or sign.isupper() == (int(nibble, 16) >= 8) for sign, nibble in zip(body, digest, strict=False)
    )


_LANES_MASK = (1 << 64) - 1
_KECCAK_RATE = 136


def keccak256(data: bytes) -> bytes:
    """Keccak before NIST changed its padding: hashlib's SHA-3 gives other hashes. For a few dozen bytes."""
    assert len(data) < _KECCAK_RATE, "one block only"
    block = bytearray(data + b"\x01" + bytes(_KECCAK_RATE - len(data) - 1))
    block[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for lane in range(_KECCAK_RATE // 8):
        lanes[lane % 5][lane // 5] = int.from_bytes(block[lane * 8 : lane * 8 + 8], "little")
    register = 1
    for _ in range(24):
        lanes, register = _keccak_round(lanes, register)
    return b"".join(lanes[lane][0].to_bytes(8, "little") for lane in range(4))


def _keccak_round(lanes: list[list[int]], register: int) -> tuple[list[list[int]], int]:
    parity = [column[0] ^ column[1] ^ column[2] ^ column[3] ^ column[4] for column in lanes]
    mixed = [parity[(x + 4) % 5] ^ _turned(parity[(x + 1) % 5], 1) for x in range(5)]
    lanes = [[lane ^ mixed[x] for lane in column] for x, column in enumerate(lanes)]
    x, y, current = 1, 0, lanes[1][0]
    for step in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        current, lanes[x][y] = lanes[x][y], _turned(current, (step + 1) * (step + 2) // 2 % 64)
    lanes = [[lanes[x][y] ^ (~lanes[(x + 1) % 5][y] & lanes[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
    for step in range(7):
        register = (register << 1 ^ (register >> 7) * 0x71) % 256
        if register & 2:
            lanes[0][0] ^= 1 << ((1 << step) - 1)
    return lanes, register


def _turned(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _LANES_MASK
