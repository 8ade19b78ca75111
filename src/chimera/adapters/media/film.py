"""Short vertical films from cards: some seconds for each, words burnt in as captions, ffmpeg from its wheel.

Narration is spoken by espeak-ng where the machine has it; where it has not, the film is silent and says so. Signs
nothing and keeps nothing.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg  # pyright: ignore[reportMissingTypeStubs]
from msgspec import Struct

from chimera.domain.brand import Look
from chimera.domain.errors import Invalid, Unavailable
from chimera.skills.media import card

SPEAKER = "espeak-ng"
SCENES_MAX = 8
SECONDS_PER_SCENE = 3
SECONDS_MAX = 60.0
FRAMES_PER_SECOND = 12


class Scene(Struct, frozen=True, kw_only=True):
    """One card of a film; its words are the caption, and what is spoken."""

    title: str
    words: str


class Film(Struct, frozen=True, kw_only=True):
    """An MP4, its captions as WebVTT, and whether anybody speaks in it."""

    mp4: bytes
    captions: str
    alt: str
    seconds: int
    narrated: bool
    missing: tuple[str, ...] = ()


async def film(look: Look, *, scenes: Sequence[Scene]) -> Film:
    """The film; what this machine could not do for it stands in `missing`."""
    if not 1 <= len(scenes) <= SCENES_MAX:
        raise Invalid("film_scenes", f"a film has 1 to {SCENES_MAX} scenes", where="scenes", remedy="say less")
    with tempfile.TemporaryDirectory(prefix="chimera-film-") as folder:
        place = Path(folder)
        await asyncio.to_thread(_draw, look, scenes, place)
        narrated = await _speak(scenes, place)
        await _run(imageio_ffmpeg.get_ffmpeg_exe(), *_recipe(place, len(scenes), narrated=narrated))
        made = (place / "film.mp4").read_bytes()
    said = " ".join(f"{scene.title}. {scene.words}" for scene in scenes)
    alt = f"A film by {look.name}: {said}"[:1_000]
    return Film(mp4=made, captions=captions_of(scenes), alt=alt, narrated=narrated,
                seconds=SECONDS_PER_SCENE * len(scenes), missing=() if narrated else (SPEAKER,))  # fmt: skip


def captions_of(scenes: Sequence[Scene]) -> str:
    """What is said, with its times, for those who do not hear it."""
    cues = [f"{_time(place)} --> {_time(place + 1)}\n{' '.join(scene.words.split())}"
            for place, scene in enumerate(scenes)]  # fmt: skip
    return "\n\n".join(("WEBVTT", *cues)) + "\n"


def _time(scene: int) -> str:
    minutes, seconds = divmod(scene * SECONDS_PER_SCENE, 60)
    return f"00:{minutes:02d}:{seconds:02d}.000"


def _draw(look: Look, scenes: Sequence[Scene], place: Path) -> None:
    for number, scene in enumerate(scenes):
        (place / f"{number:03d}.png").write_bytes(card.portrait(look, title=scene.title, body=scene.words).png)


async def _speak(scenes: Sequence[Scene], place: Path) -> bool:
    """One sound file of everything that is said; False where nobody can speak."""
    speaker = shutil.which(SPEAKER)
    if speaker is None:
        return False
    await _run(speaker, "-w", str(place / "said.wav"), " ".join(scene.words for scene in scenes))
    return True


def _recipe(place: Path, scenes: int, *, narrated: bool) -> tuple[str, ...]:
    """What ffmpeg is told: nothing but our own files goes in, and the same pictures give the same film."""
    pictures = ("-framerate", f"1/{SECONDS_PER_SCENE}", "-i", str(place / "%03d.png"))
    sound = ("-i", str(place / "said.wav"), "-c:a", "aac") if narrated else ()
    picture = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-r", str(FRAMES_PER_SECOND))
    ends = ("-t", str(scenes * SECONDS_PER_SCENE), "-movflags", "+faststart", "-fflags", "+bitexact")
    return ("-nostdin", "-loglevel", "error", "-y", *pictures, *sound, *picture, *ends, str(place / "film.mp4"))


async def _run(program: str, *arguments: str) -> None:
    started = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS_MAX):
            _, said = await started.communicate()
    except TimeoutError as error:
        started.kill()
        await started.wait()
        raise Unavailable(
            "film_slow",
            f"{Path(program).name} took too long",
            where="film",
            remedy="try again when the machine is less busy",
        ) from error
    if started.returncode:
        raise Unavailable(
            "film_failed",
            f"{Path(program).name}: {said.decode(errors='replace')[:200]}",
            where="film",
            remedy="read what it said",
        )
