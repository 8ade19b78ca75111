"""The letters that look like other letters, and the characters that look like nothing: two tables, and no logic.

Frequent ones only; Unicode's compatibility forms (fullwidth, mathematical, circled) are folded by NFKD and are not
listed here.
"""

_LOOKALIKES = (
    # Cyrillic, lower-case: the text is lower-cased first. The terms of the lexicon go through the same table,
    # so Russian still matches itself.
    ("авекмнорстухѕіјԁԛԝһҽӏѵ", "abekmhopctyxsijdqwhelv"),
    # Armenian
    ("ոսօց", "nuog"),
    # Greek
    ("αβγεηικνορσςτυχωμ", "abyenikvopoctuxwu"),
    # Latin letters that do not decompose, and small capitals
    ("ıłøđħŧɑɡɩʟɴʀꜱᴀʙᴄᴅᴇꜰɢʜɪᴊᴋᴍᴏᴘᴛᴜᴠᴡʏᴢ", "ilodhtagilnrsabcdefghijkmoptuvwyz"),
    # Cherokee and Lisu, as lower-casing leaves them
    ("ꭺꮯꭼꮋꭵꭻꮶꮮꮇꮲꮪꭲꮩꮃꓮꓐꓚꓓꓰꓲꓳꓑꓢꓔ", "acehijklmpstvwabcdeiopst"),
)

CONFUSABLES: dict[int, str] = {ord("ß"): "ss", ord("æ"): "ae", ord("œ"): "oe"} | {
    ord(sign): plain for signs, plains in _LOOKALIKES for sign, plain in zip(signs, plains, strict=True)
}

_INVISIBLE_RANGES = (
    range(0x00AD, 0x00AE),  # soft hyphen
    range(0x034F, 0x0350),  # combining grapheme joiner
    range(0x061C, 0x061D),  # Arabic letter mark
    range(0x115F, 0x1161),  # Hangul fillers
    range(0x17B4, 0x17B6),  # Khmer inherent vowels
    range(0x180B, 0x180F),  # Mongolian selectors
    range(0x200B, 0x2010),  # zero-width space, joiners, direction marks
    range(0x202A, 0x202F),  # bidi embedding and override
    range(0x2060, 0x2065),  # word joiner, invisible operators
    range(0x2066, 0x2070),  # bidi isolates
    range(0x3164, 0x3165),  # Hangul filler
    range(0xFE00, 0xFE10),  # variation selectors
    range(0xFEFF, 0xFF00),  # byte order mark
    range(0xFFA0, 0xFFA1),  # halfwidth Hangul filler
    range(0xE0000, 0xE0080),  # tags
    range(0xE0100, 0xE01F0),  # more variation selectors
)

INVISIBLE: dict[int, None] = {code: None for codes in _INVISIBLE_RANGES for code in codes}
