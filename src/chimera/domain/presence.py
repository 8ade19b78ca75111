"""What is heard of a worker process, for whoever asks which processes are at work. Pure."""

from __future__ import annotations

from msgspec import Struct

LETTERS_MAX = 200


class Heard(Struct, frozen=True):
    """A worker process by its name: which process it is, what it says of itself, how long ago, whether it has left."""

    who: str
    process: str
    about: str
    silent_us: int
    has_left: bool


def plain(said: str) -> str:
    """What a worker says of itself, so that it can be kept and shown: it may have been taken over."""
    return "".join([letter for letter in said[:LETTERS_MAX] if letter.isprintable()])
