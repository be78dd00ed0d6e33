"""What a card says about its holder: portrait, lines of data, machine-readable zone.

Every function draws on a :class:`~services.id_card.training.synth.drawing.Canvas`, in its units.
"""

from __future__ import annotations

from services.id_card.training.synth.cards import words
from services.id_card.training.synth.cards.parts import GREY, RED, Style
from services.id_card.training.synth.cards.people import Person
from services.id_card.training.synth.drawing import BLACK, Canvas, Colour, chance, pick


def machine_readable_zone(
    card: Canvas, person: Person, x: float, y: float, width: float, lines: int, ink: Colour = BLACK
) -> None:
    """Print the machine-readable zone: `lines` of 30 to 44 characters in a typewriter face."""
    columns = 30 if lines == 3 else 40
    holder = f"{person.surname}<<{person.given.replace(' ', '<')}"
    number = person.number.replace(" ", "").replace("-", "")
    check = words.letters(card.rng, 3) + words.digits(card.rng, 7) + person.sex
    rows = [f"ID{words.letters(card.rng, 3)}{holder}", f"{number}<0{check}", holder]
    for i in range(lines):
        row = rows[i][:columns].ljust(columns, "<")
        card.text(x, y + i * width / columns * 1.62, row, width / columns * 1.7, ink,
                  "DejaVuSansMono", width)  # fmt: skip


def photo(
    card: Canvas, person: Person, x: float, y: float, width: float, height: float, radius: float = 0
) -> None:
    """Print the holder's portrait, cropped to the box, often with a thin frame."""
    picture = person.portrait
    wanted = picture.width * height / width
    if wanted < picture.height:
        top = (picture.height - wanted) * 0.35
        picture = picture.crop((0, int(top), picture.width, int(top + wanted)))
    card.paste(picture, x, y, width, height, radius=radius)
    if chance(card.rng, 0.4):
        frame = pick(card.rng, ((90, 90, 95), (250, 250, 250), (30, 40, 80)))
        card.rect(x, y, x + width, y + height, None, frame, 3, radius)


def ghost(card: Canvas, person: Person, x: float, y: float, width: float, height: float) -> None:
    """Print the portrait again, small, grey and pale."""
    opacity = card.rng.uniform(0.25, 0.55)
    card.paste(person.portrait.convert("L"), x, y, width, height, opacity, width * 0.3)


def glyphs(card: Canvas, x: float, y: float, count: int, size: float, ink: Colour) -> None:
    """Write `count` invented square characters (strokes in a box, read as East Asian script)."""
    rng, stroke = card.rng, max(2.0, size * 0.09)
    for i in range(count):
        left, top = x + i * size * 1.12, y - size * 0.88
        for _ in range(int(rng.integers(2, 4))):
            level = top + size * pick(rng, (0.08, 0.3, 0.5, 0.72, 0.92))
            card.line([(left + size * 0.06, level), (left + size * 0.94, level)], ink, stroke)
        for _ in range(int(rng.integers(1, 4))):
            column = left + size * pick(rng, (0.12, 0.35, 0.5, 0.65, 0.88))
            foot = column + size * pick(rng, (0.0, 0.0, -0.22, 0.22))
            card.line([(column, top + size * 0.05), (foot, top + size * 0.98)], ink, stroke)


def numbered_rows(
    card: Canvas, person: Person, x: float, y: float, width: float, step: float, style: Style
) -> None:
    """Print the data as European licences do: 1., 2., 3., 4a., ..."""
    rows = (
        f"1.  {person.surname}", f"2.  {person.given}", f"3.  {person.born}  {person.town[:6]}",
        f"4a. {person.issued}   4c. {person.town[:6]}", f"4b. {person.expires}",
        f"5.  {person.number}", "9.  AM / B1 / B",
    )  # fmt: skip
    for i, row in enumerate(rows):
        card.text(x, y + i * step, row, step * 0.62, style.ink, style.face, width)


def coded_rows(
    card: Canvas, person: Person, x: float, y: float, width: float, step: float, style: Style
) -> None:
    """Print the data as American licences do: a small code, then a bold value."""
    rows = (
        ("DL", person.number), ("EXP", person.expires), ("LN", person.surname),
        ("FN", person.given), ("", person.street), ("", person.town), ("DOB", person.born),
        ("SEX", f"{person.sex}   HGT {person.height}"),
    )  # fmt: skip
    for i, (code, value) in enumerate(rows):
        indent = 64 if code else 0
        card.text(x, y + i * step, code, step * 0.42, style.dark)
        size = step * (0.74 if code in ("DL", "LN", "DOB") else 0.58)
        ink = RED if code in ("DL", "DOB", "EXP") and style.hue < 0.5 else style.ink
        card.text(x + indent, y + i * step, value, size, ink, "DejaVuSans-Bold", width - indent)


def labelled_rows(
    card: Canvas, person: Person, x: float, y: float, width: float, step: float, style: Style
) -> None:
    """Print the data as passports do: a small caption, the value under it."""
    rows = (
        ("Surname / Nom", person.surname), ("Given names / Prénoms", person.given),
        ("Nationality   Date of birth", f"{person.town[:3]}   {person.born}"),
        ("Document No.", person.number),
        ("Date of expiry   Sex", f"{person.expires}   {person.sex}"),
    )  # fmt: skip
    for i, (caption, value) in enumerate(rows):
        card.text(x, y + i * step, caption, step * 0.25, GREY, "DejaVuSans", width)
        card.text(x, y + (i + 0.52) * step, value, step * 0.47, style.ink, style.face, width)


ROWS = {"numbered": numbered_rows, "coded": coded_rows, "labelled": labelled_rows}
