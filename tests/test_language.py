"""English is told at a glance, foreign and mixed texts are not let through, and odd English is."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from detector.article import Article
from detector.language import identify

ENGLISH = (
    "The town council voted on Monday to keep taxes where they are next year. The mayor said that she wanted to help "
    "families and also to spend more on schools and roads, which most of those in the room seemed to welcome. "
)
GERMAN = (
    "Die Regierung hat am Montag beschlossen, die Steuern im kommenden Jahr nicht zu erhöhen. Der Minister sagte, man "
    "wolle die Bürger entlasten und zugleich in Schulen und Straßen investieren, was viele im Saal begrüßten. "
)
SPANISH = (
    "El gobierno anunció el lunes que no subirá los impuestos el próximo año. El ministro dijo que quiere aliviar a "
    "los ciudadanos y al mismo tiempo invertir en escuelas y carreteras, algo que muchos en la sala aplaudieron. "
)
FOREIGN = {
    "de": GERMAN,
    "es": SPANISH,
    "fr": "Le gouvernement a annoncé lundi que les impôts ne seront pas augmentés l'année prochaine. Le ministre veut "
    "soulager les citoyens tout en investissant dans les écoles et les routes du pays.",
    "nl": "De regering heeft maandag besloten de belastingen volgend jaar niet te verhogen. De minister zei dat hij de "
    "burgers wil ontlasten en tegelijk wil investeren in scholen en wegen in het hele land.",
    "da": "Regeringen har mandag besluttet, at skatterne ikke skal stige næste år. Ministeren sagde, at han vil hjælpe "
    "borgerne og samtidig investere i skoler og veje i hele landet, hvilket mange var glade for.",
    "it": "Il governo ha annunciato lunedì che non aumenterà le tasse il prossimo anno. Il ministro ha detto di voler "
    "aiutare i cittadini e allo stesso tempo investire nelle scuole e nelle strade.",
    "pl": "Rząd ogłosił w poniedziałek, że w przyszłym roku nie podniesie podatków. Minister powiedział, że chce "
    "odciążyć obywateli, a zarazem inwestować w szkoły i drogi w całym kraju.",
    "ru": "Правительство объявило в понедельник, что в следующем году не будет повышать налоги. Министр сказал, что "
    "хочет помочь гражданам и одновременно вложить средства в школы и дороги.",
    "zh": "政府周一宣布,明年不会提高税收。部长表示,他希望减轻公民的负担,同时在全国各地投资学校和道路。"
    "许多人对此表示欢迎。",
    "ar": "أعلنت الحكومة يوم الاثنين أنها لن ترفع الضرائب في العام المقبل. وقال الوزير إنه يريد مساعدة المواطنين.",
}


@pytest.mark.parametrize(("code", "text"), FOREIGN.items(), ids=FOREIGN.keys())
def test_foreign_texts_are_named(code: str, text: str) -> None:
    assert identify(Article(text)) == code
    assert identify(Article(text * 5)) == code
    assert identify(Article(text.lower())) == code


IN_LATIN_SCRIPT = {
    "Hindi": "Aaj subah shahar mein bahut tez barish hui aur sadkon par paani bhar gaya. Logon ko daftar jaane mein "
    "kaafi dikkat hui. Nagar nigam ne kaha ki paani nikaalne ka kaam shaam tak pura ho jayega.",
    "Chinese": "Jin tian shang wu shi li xia le da yu hen duo jie dao dou jin le shui. Shi min shang ban hen kun nan. "
    "Shi zheng fu shuo pai shui gong zuo jin wan jiu hui wan cheng.",
    "names": "Anna Smith, Bert Jones, Carla Brown, Dieter Holm, Else Berg, Frank Lund, Greta Moe, Hans Lie, Ida Dahl.",
    "figures": "\n".join(f"{i},{i * 37 % 91},{i * 13 % 7}" for i in range(20)),
}


@pytest.mark.parametrize("text", IN_LATIN_SCRIPT.values(), ids=IN_LATIN_SCRIPT.keys())
def test_what_has_no_english_words_is_not_english(text: str) -> None:
    assert identify(Article("\n".join([text] * 5))) != "en"


@pytest.mark.parametrize("text", ["", " ", "😀 🎉", "...", "word", "Reuters", "— • —"], ids=ascii)
def test_what_cannot_be_told_is_undetermined(text: str) -> None:
    assert identify(Article(text)) == "und"


def test_encoded_data_has_no_language() -> None:
    data = "".join(random.Random(1).choices("ABCDEFGHIJKLMabcdefghijklm0123456789+/", k=3000))
    assert identify(Article(data)) in ("und", "mul")


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH * 4 + GERMAN * 4,
        ENGLISH * 6 + "\n" + SPANISH * 3,
        SPANISH + "\n" + ENGLISH * 2,
        "\n".join([ENGLISH, GERMAN, ENGLISH, SPANISH, ENGLISH]),
        ENGLISH * 3 + "\n" + FOREIGN["ru"] * 2,
        ENGLISH * 2 + "\n" + FOREIGN["zh"] * 4,
    ],
    ids=["half German", "third Spanish", "Spanish first", "taking turns", "Russian at the end", "Chinese at the end"],
)
def test_mixed_texts_are_not_english(text: str) -> None:
    assert identify(Article(text)) == "mul"


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        ENGLISH.lower(),
        ENGLISH.upper(),
        ENGLISH.replace("o", "о").replace("e", "е").replace("a", "а"),
        ENGLISH * 5 + '"Wir wollen die Bürger entlasten", he said in German.',
        "Tuesday headlines\n- Storm hits Dover, trains delayed\n- Mayor quits after audit\n- Hale wins third title\n"
        "- Petrol prices fall again\n- Harbour bridge shut until May\n- Zoo welcomes two red pandas",
        "Version 2.4.1 release notes\n- Fix crash on startup\n- Add dark mode\n- Bump numpy, scipy, pandas\n"
        "- Remove deprecated API endpoints\n- Improve error messages",
        "def total(rows):\n    return sum(r.cost for r in rows)\n\nprint(total(load('rows.csv')))\n" + ENGLISH,
        "Aye, it's nae bother at a', ye ken. We was doon the shore wi' the bairns an' it fair poured doon oan us a'.",
        "I am go to market yesterday and buy many vegetable. My wife she cook very good soup, we eat together happy.",
        "Rain on slate,\nsalt on tongue,\nwind without a name,\nboats come home\nlow and slow\nunder winter's flame.",
        "Paris Saint-Germain 2 Real Madrid 1\nBayern München 0 Juventus 0\nAjax 3 Benfica 2\nInter Milan 1 Sevilla 1",
    ],
    ids=["prose", "lower", "upper", "homoglyphs", "a foreign quote", "headlines", "release notes", "code", "Scots",
         "learner", "poem", "results"],
)  # fmt: skip
def test_odd_english_is_english(text: str) -> None:
    assert identify(Article(text)) == "en"


def test_plain_english_needs_no_model() -> None:
    code = (
        "import sys; from detector.article import Article; from detector.language import identify;"
        f"assert identify(Article({ENGLISH!r})) == 'en'; sys.exit('py3langid' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_real_english_is_rarely_refused(shared: Path) -> None:
    refused = n = 0
    for name in ("human_sites", "digests", "this_week_in_rust", "wcxb_main"):
        with gzip.open(shared / "data" / "corpus" / f"{name}.jsonl.gz", "rt") as lines:
            for _, line in zip(range(150), lines, strict=False):
                refused += identify(Article(json.loads(line)["text"])) != "en"
                n += 1
    assert refused <= 0.005 * n
