"""Invented countries, people and numbers: nothing here belongs to anyone."""

# ruff: noqa: RUF001 (the Greek and Cyrillic names are meant to look like themselves)
from __future__ import annotations

from services.id_card.training.synth.drawing import Rng, chance, pick


def _split(text: str, mark: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(mark))


COUNTRIES = _split(
    "NORTHMARK|VALDORIA|ISLA VERDE|KESTREL BAY|LUMERIA|OSTHAVEN|SAN CORVO|AURELIA|BRANTLAND|"
    "REPUBLIC OF TAMSIN|CANTON OF ORREN|FJELLAND|MERIDIA|SOLVANE|UNITED PROVINCES OF ELBE|"
    "PORTO AZUL|WESTERMARCH|STATE OF HALLOW|NEW ARDEN|КАРЕЛИНСК|ΝΕΑ ΘΑΛΑΣΣΑ|САРМАТИЯ|"
    "საბარო|ՀԱՅՐԱՆ|REINO DE ALBA|ROYAUME D'OMBRE|MAGYAROS|ÖSTERVIK|REPÚBLICA DE SOLANA",
    "|",
)
TITLES = _split(
    "DRIVER LICENSE|DRIVING LICENCE|IDENTITY CARD|NATIONAL IDENTITY CARD|NATIONAL ID|"
    "CARTE D'IDENTITÉ|PERSONALAUSWEIS|FÜHRERSCHEIN|PERMISO DE CONDUCIR|CÉDULA DE CIUDADANÍA|"
    "RESIDENCE PERMIT|CARTEIRA DE IDENTIDADE|ВОДИТЕЛЬСКОЕ УДОСТОВЕРЕНИЕ|IDENTIFICATION CARD|"
    "PERMIS DE CONDUIRE|PATENTE DI GUIDA|KÖRKORT|RIJBEWIJS|ΤΑΥΤΟΤΗΤΑ|DOWÓD OSOBISTY|STUDENT ID",
    "|",
)
SURNAMES = _split(
    "ALVAREZ BERG CHEN DUBOIS ERIKSEN FISCHER GARCIA HANSEN IVANOV JANSEN KOWALSKI LINDQVIST "
    "MOREAU NAKAMURA OKAFOR PATEL QUIROGA ROSSI SILVA TANAKA URSU VARGA WEBER YILMAZ ZHANG "
    "SPECIMEN MUSTERMANN NGUYEN O'BRIEN HADDAD KIM NOVÁK SØRENSEN АНТОНОВА ПЕТРОВ"
)
GIVEN_NAMES = _split(
    "ANNA BRUNO CLARA DAVID ELENA FELIX GRETA HUGO INES JONAS KAI LENA MATEO NOOR OSKAR PRIYA "
    "QUINN ROSA SAMIR TOVE UMA VIKTOR WANDA YUKI ZOE AMARA LIAM МАРИЯ ИВАН JOSÉ CHLOÉ"
)
STREETS = _split("MAPLE OAK HARBOUR MILL STATION GARDEN CHURCH RIVER HILL LAKE CEDAR MARKET")
TOWNS = _split("ARDEN LOWTON PORTVALE GREYHAM SUNDBY MIRAVAL KELLS NOVARA EASTFORD BELMAR")
SHOPS = _split(
    "CAFÉ LUNA|GREEN GROCER|MOTO PARTS|BOOK NOOK|CITY CINEMA|FRESH MARKET|TECH DEPOT|"
    "BLUE BAKERY|GYM ONE|PET WORLD|URBAN HOTEL|AIR NORTH|METRO LINE|VINYL SHOP|SUSHI BAR|OPTIK",
    "|",
)
PHRASES = _split(
    "ten coffees, one free|valid until used|not transferable|thank you|see terms overleaf|"
    "please retain this part|scan to collect points|member since 2019|no cash value|"
    "keep in a dry place|open 9 to 5|call us any time|present at the desk|handle with care",
    "|",
)


def digits(rng: Rng, count: int) -> str:
    """Return `count` random digits."""
    return "".join(map(str, rng.integers(0, 10, count)))


def letters(rng: Rng, count: int) -> str:
    """Return `count` random capital letters."""
    return "".join(chr(65 + int(code)) for code in rng.integers(0, 26, count))


def date(rng: Rng, first_year: int, last_year: int) -> str:
    """Return a date between two years in one of the usual notations."""
    day, month = int(rng.integers(1, 29)), int(rng.integers(1, 13))
    year = int(rng.integers(first_year, last_year + 1))
    numeric = (f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year}")
    return pick(rng, (*numeric, f"{year}-{month:02d}-{day:02d}", f"{day:02d} {month:02d} {year}"))


def document_number(rng: Rng) -> str:
    """Return a document number in one of the usual patterns."""
    patterns = ("A9999999", "999999999", "AA 999999", "999-9999-9999", "AAA99999", "9999 9999 9999")
    pattern = pick(rng, patterns)
    return "".join(
        letters(rng, 1) if mark == "A" else digits(rng, 1) if mark == "9" else mark
        for mark in pattern
    )


def address(rng: Rng) -> str:
    """Return a street address."""
    return f"{rng.integers(1, 400)} {pick(rng, STREETS)} {pick(rng, ('ST', 'AVE', 'RD', 'LN'))}"


def full_name(rng: Rng) -> str:
    """Return a given name and a surname."""
    return f"{pick(rng, GIVEN_NAMES)} {pick(rng, SURNAMES)}"


def given_names(rng: Rng) -> str:
    """Return one given name, sometimes two."""
    first = pick(rng, GIVEN_NAMES)
    return f"{first} {pick(rng, GIVEN_NAMES)}" if chance(rng, 0.35) else first
