"""What people say when they are in need, want to be left alone, complain, ask, thank or sell. Data for triage, no code.

Written in the normal form of `triage.normal`: lower case, no accents, no apostrophes. `*` stands for up to three words.
"""

from __future__ import annotations

CRISIS = (
    "kill myself", "killing myself", "kill himself", "kill herself", "kill themselves", "shoot myself",
    "shoot himself", "shoot herself", "hang myself", "hang himself", "hang herself", "suicide", "suicidal",
    "end my life", "ending my life", "take my life", "taking my life", "end it all", "ending it all", "end it tonight",
    "it all to end", "want to die", "wanna die", "ready to die", "want to be dead", "wish i was dead",
    "wish i were dead", "if i was dead", "if i were dead", "if i died", "rather be dead", "better off dead",
    "better off without me", "better off if i", "world without me", "nobody would miss me", "no one would miss me",
    "not want to live", "dont want to live", "do not want to live", "dont want to be here", "no reason to live",
    "nothing to live for", "no point in living", "not worth living", "isnt worth living", "tired of living",
    "cant go on", "can not go on", "cannot go on", "cant do this * longer", "cant do this anymore",
    "cant live like this",
    "never wake up", "not wake up", "my last post", "my last message", "goodbye forever", "goodbye * world",
    "wrote my note", "suicide note", "cutting again", "cut myself", "cutting myself", "hurt myself", "hurting myself",
    "harm myself", "harming myself", "self harm", "selfharm", "burn myself", "starve myself", "overdose", "overdosing",
    "took all my", "took all the pills", "pills next to me", "bottle of pills", "handful of pills",
    "jump off the", "jump off a", "jump from the", "jump in front of", "slit my", "noose", "hitting me", "beating me",
    "beats me", "he hits me", "she hits me", "being abused", "abuses me", "raped me", "going to hurt me",
    "nicht mehr leben", "bringe mich um", "bring mich um", "umbringen", "will sterben", "selbstmord", "suizid",
    "mir das leben nehmen", "ritze mich", "keinen ausweg", "keinen sinn mehr", "veux mourir", "envie de mourir",
    "me suicider", "en finir", "plus envie de vivre", "me tuer", "quiero morir", "quiero morirme", "matarme",
    "suicidarme", "seguir viviendo", "quitarme la vida", "no quiero vivir", "hacerme dano", "voglio morire",
    "uccidermi",
    "quero morrer", "me matar",
)  # fmt: skip
OPT_OUT = (
    "stop replying", "stop answering", "stop messaging", "stop tagging me", "stop contacting", "stop talking to me",
    "dont reply", "do not reply", "dont message me", "do not message me", "dont contact me", "do not contact me",
    "dont answer me", "do not answer me", "dont talk to me", "do not talk to me", "never reply", "never contact me",
    "never message me", "leave me alone", "unsubscribe", "opt out", "opt me out", "take me off", "remove me from",
    "antworte mir nicht", "schreib mir nicht", "lass mich in ruhe", "lasst mich in ruhe", "laisse moi tranquille",
    "ne me reponds", "ne me repondez", "dejame en paz", "no me respondas", "no me escribas",
)  # fmt: skip
ESCALATE = (
    "refund", "money back", "charged me", "charged my", "lawyer", "attorney", "sue you", "legal action", "defamation",
    "copyright", "infringement", "trademark", "without permission", "take it down", "take this down", "journalist",
    "reporter", "press", "interview", "a comment by", "impersonating", "impersonates", "my home address", "my address",
    "leaked my", "doxxed", "gdpr", "data protection", "personal data", "all data that you", "police", "harassment",
    "my child", "my son", "my daughter", "underage", "seizure", "allergic", "injured", "hospital", "partnership",
    "sponsorship", "contract", "paid collaboration", "never paid", "never received", "find where you live",
    "make you pay", "i will find you", "i know where you live", "watch your back", "anwalt", "anzeige", "geld zuruck",
)  # fmt: skip
BLOCK = (
    "idiot", "moron", "piece of trash", "piece of shit", "garbage", "subhuman", "retard", "retarded", "filthy", "scum",
    "vermin", "should be gassed", "go back to your country", "fuck you", "fuck off", "stfu", "kys", "disgusting",
    "worthless", "stupid", "crypto", "bitcoin", "airdrop", "connect your wallet", "free followers", "get rich",
    "passive income", "link in bio", "click the link", "click here", "hot singles", "viagra", "casino", "whatsapp",
    "telegram", "dm me", "limited offer", "order now", "promo", "dollars a week", "work from home", "from home ask me",
    "double your", "giveaway link", "forex", "onlyfans", "arschloch", "schlampe",
)  # fmt: skip
LIKE = (
    "love this", "love it", "love you", "thank you", "thanks", "thx", "made my day", "made me smile", "made me laugh",
    "laughed", "haha", "hahaha", "lol", "lmao", "great", "brilliant", "amazing", "awesome", "beautiful", "wonderful",
    "fantastic", "perfect", "well done", "keep it up", "best", "favourite", "favorite", "so true", "finally",
    "congrats",
    "congratulations", "happy birthday", "well said", "nice", "lovely", "needed this", "danke", "lustig", "merci",
    "gracias", "genial", "super", "you rock", "good job", "so good", "cute", "hilarious",
)  # fmt: skip
ASK = (
    "which", "what", "whats", "how", "why", "when", "where", "who", "any tips", "can you", "could you", "do you",
    "does", "is there", "are there", "will you", "should i", "tell me", "explain", "recommend", "help", "stuck",
    "wondering", "anyone know", "have you", "wie", "warum", "wann", "wo", "kann man", "pourquoi", "comment", "donde",
    "como", "cuando",
)  # fmt: skip
QUARREL = (
    "ratio", "who asked", "nobody asked", "cry more", "touch grass", "l take", "cope", "overrated", "mid", "boring",
    "yawn", "imagine caring", "you again", "delete this", "bot opinion", "never finished", "whatever", "cringe",
)  # fmt: skip
