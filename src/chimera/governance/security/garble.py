"""Says whether a short text reads as if a machine had searched for it: words run into brackets that nobody closes.

That is what optimised jailbreak suffixes look like. Code closes its brackets, and faces like ":)" are taken out first.
Keeps nothing, decides nothing.
"""

import re

GARBLE_CHARS_MAX = 1_000
JOINTS_MIN = 2

_NO_BRACKETS = bytes(code for code in range(256) if code not in b'()[]{}`"')
_FACE = re.compile(
    r"[:;=8xX][-'o^]?[()\[\]{}DPpOo/\\|3*]+|<3+|[()]+[-']?[:;=]|&\w+;|https?://\S+|\b[\da-zA-Z][).](?= )"
    r"|\(?\b\w\)|\^\^|[>=]+[(]+"
)
_CODE = re.compile(r"```|^\s{4}\S|\w\(.*\)[;:]?$|[;{]$|^(?:import|from|def|class|return|#)\b|^\|", re.MULTILINE)
_JOINT = re.compile(
    r"[a-z]{2}[A-Z]{2,}|[\])}\"'`][A-Za-z]{2}|[a-z][\[({\\`\"<=][A-Za-z{\[(]|[\[({<`\\]{2,}|[\])}>]{2,}|[a-z]{3}[A-Z][a-z]{2}"
    r"|[a-z][!?;:,]+[A-Za-z]{2}|\\\w|[!?,;] [;,:)]|[({\[<`\"=]\s"
)


def is_garbled(text: str) -> bool:
    """True when brackets or quotes are left open, letters run into signs, and it is no code."""
    if len(text) > GARBLE_CHARS_MAX or not _unbalanced(text):
        return False
    text = _FACE.sub(" ", text)
    return _unbalanced(text) and not _CODE.search(text) and len(_JOINT.findall(text)) >= JOINTS_MIN


def _unbalanced(text: str) -> bool:
    signs = text.encode("utf-8", "surrogatepass").translate(None, _NO_BRACKETS)
    count = signs.count
    return bool(signs) and (
        count(b"(") != count(b")")
        or count(b"[") != count(b"]")
        or count(b"{") != count(b"}")
        or count(b"`") & 1 == 1
        or count(b'"') & 1 == 1
    )
