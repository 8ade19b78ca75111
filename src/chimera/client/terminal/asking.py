"""Asks for words in a dialogue: a reason, a question, other text. Esc leaves, and nothing is sent."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static, TextArea

WORDS_LENGTH_MAX = 2_000


class Say(ModalScreen[str]):
    """A dialogue with room for a few lines. What it gives is never empty; leaving it gives nothing at all."""

    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+s", "send", "Send"), ("escape", "leave", "Leave")]

    def __init__(self, title: str, *, about: str = "", text: str = "", length_max: int = WORDS_LENGTH_MAX) -> None:
        super().__init__()
        self._title = title
        self._about = about
        self._text = text
        self._length_max = length_max

    def compose(self) -> ComposeResult:
        """The title, what it is about, the words."""
        with Vertical(id="dialogue"):
            yield Label(self._title, markup=False, id="title")
            if self._about:
                yield Label(self._about, markup=False, id="about")
            yield TextArea(self._text, id="words")
            yield Static("ctrl+s sends, esc leaves", id="hint", markup=False)

    def on_mount(self) -> None:
        """Ready to type, behind what stands there."""
        words = self.query_one("#words", TextArea)
        words.focus()
        words.move_cursor(words.document.end)

    def action_send(self) -> None:
        """Give the words, if there are any and not too many."""
        words = self.query_one("#words", TextArea).text.strip()
        if not words:
            self._hint("a few words are needed")
        elif len(words) > self._length_max:
            self._hint(f"{len(words)} signs, {self._length_max} at most")
        else:
            self.dismiss(words)

    def action_leave(self) -> None:
        """As if it had never been opened."""
        self.dismiss(None)

    def _hint(self, text: str) -> None:
        self.query_one("#hint", Static).update(text)


class Keys(ModalScreen[None]):
    """What every key does."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,q", "leave", "Close")]

    def __init__(self, lines: str) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical(id="dialogue"):
            yield Label("Keys", id="title")
            yield Static(self._lines, markup=False)

    def action_leave(self) -> None:
        """Back to work."""
        self.dismiss(None)
