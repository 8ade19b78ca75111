"""What a public likes beside its subjects: one way of telling more than others, and pictures. Tells the fleet nothing.

Drawn from the seed of its world: what one public likes, another does not.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from chimera.rehearsal import phrases
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.society import Post

LIKED, USUAL, DISLIKED = 200, 70, 20
PICTURED = 130
TEXTS_KEPT_MAX = 4_096


class Taste(Struct, frozen=True, kw_only=True):
    """In hundredths, how much warmer a post is met, by the style in which it is told."""

    styles: dict[str, int]

    def of(self, post: Post) -> int:
        """How this public meets a post's ways; whatever is told in no style that it knows, as ever."""
        style = style_of(post.text)
        return self.styles.get(style, 100) * (PICTURED if post.pictured else 100) // 100


def taste_of(dice: Dice) -> Taste:
    """The taste of one world's public."""
    names = dice.some(tuple(phrases.ENDINGS), count=len(phrases.ENDINGS))
    return Taste(styles=dict(zip(names, (LIKED, USUAL, DISLIKED), strict=True)))


@lru_cache(maxsize=TEXTS_KEPT_MAX)
def style_of(text: str) -> str:
    """In which style a post is told, as far as that shows."""
    return next((style for style, ends in phrases.ENDINGS.items() if any(end in text for end in ends)), "")
