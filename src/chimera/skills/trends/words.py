"""Words that name no subject, in the languages that our packages speak. A topic neither begins nor ends with one.

Apostrophes are left out, as `topics.words_of` does.
"""

from __future__ import annotations

_ENGLISH = """
a about after again all also always am an and any are aren't as at back be because been before being best both but by
came can can't come could day did didn't do does doesn't doing don't done down each else even ever every everybody
everyone few find first for from get gets give go goes going gone good got great had has have haven't having he her here
hers him his how i i'd i'll i'm i've if in into is isn't it it's its just know last let like little long look lot love
made make many may me might mine more most much must my never new no nobody not nothing now of off oh ok old on once one
only or other our ours out over own people please put quite rather really right said same say saw see seen she should
since so some somebody someone something soon still such take than that that's the their them then there these they
thing things think this those though through time to today together tomorrow tonight too two under until up upon us use
very via want was wasn't way we week well went were what when where which while who whole whom why will with without
won't would year yes yesterday yet you you're your yours
"""
_GERMAN = """
aber alle als also am an auch auf aus bei bin bis das dass dem den der des die doch du ein eine einem einen einer er es
für ganz gegen habe haben hat heute hier ich ihr im in ist ja jetzt kann kein mal man mehr mein mit nach nicht noch nur
ob oder ohne schon sehr sein sich sie sind so über um und uns vom von vor war was wenn wer wie wieder wir wird zu zum
zur
"""
_FRENCH_SPANISH = """
au aux avec ce ces dans de del des du el elle en est et eux il je la las le les leur lo los lui ma mais me même mes moi
mon muy más ne nos notre nous on ou par para pas pero por pour qu que quien qui sa se ses sin son su sur ta te tes toi
ton tu un una uno une vos votre vous yo
"""
SUBJECTLESS = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH_SPANISH}".replace("'", "").split())
