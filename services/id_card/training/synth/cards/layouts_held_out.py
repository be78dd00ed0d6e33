"""Card designs that training never sees: they tell whether the detector learned *cards*."""

from __future__ import annotations

from services.id_card.training.synth.cards import holder, parts
from services.id_card.training.synth.cards.layouts import Layout, usual
from services.id_card.training.synth.cards.parts import GREY, RED, Style
from services.id_card.training.synth.cards.people import Person
from services.id_card.training.synth.drawing import WHITE, Canvas, chance, hsv, pick, readable_on


def ruled_licence(card: Canvas, person: Person, style: Style) -> None:
    """Licence printed as a ruled form, with a dark bar for the date of expiry."""
    card.gradient((250, 250, 246), style.light)
    edge = style.dark
    card.rect(28, 26, 972, 100, None, edge)
    card.text(46, 80, f"{person.surname}  {person.given}", 44, style.ink, style.face, 880)
    card.rect(28, 100, 972, 160, None, edge)
    card.text(46, 143, person.street, 32, style.ink, style.face)
    card.rect(28, 176, 660, 246, edge)
    card.text(46, 226, "VALID UNTIL " + person.expires, 40, readable_on(edge), style.bold, 590)
    holder.photo(card, person, 690, 180, 270, 350)
    captions = ("CLASS", "ISSUED", "NUMBER", "NOTES", "OFFICE")
    for i in range(4):
        top = 262 + i * 60
        card.rect(28, top, 660, top + 60, None, edge)
        value = pick(card.rng, (person.number, person.issued, person.born))
        card.text(46, top + 43, f"{pick(card.rng, captions)}   {value}", 32, style.ink, style.face)
    card.text(46, 585, style.country, 52, edge, style.bold, 560)
    parts.emblem(card, 910, 580, 38, RED)


def side_stripe_permit(card: Canvas, person: Person, style: Style) -> None:
    """Permit with the country climbing up a stripe on its left."""
    card.gradient(style.light, style.light2)
    parts.guilloche(card, hsv(style.hue + 0.3, 0.6, 0.6), 0.4)
    card.rect(0, 0, 120, 631, style.dark)
    card.upright_text(22, 20, 590, style.country, 56, readable_on(style.dark), style.bold)
    card.text(150, 72, style.title, 50, style.dark, style.bold, 640)
    parts.flag(card, 850, 30, 120, 80)
    holder.photo(card, person, 150, 110, 230, 290, 30)
    holder.numbered_rows(card, person, 410, 150, 370, 54, style)
    parts.dot_code(card, 785, 420, 180, 180, qr=True)
    parts.signature(card, 160, 430, 220, 80)
    card.text(150, 595, person.number, 50, RED, style.mono, 560)


def dome_badge(card: Canvas, person: Person, style: Style) -> None:
    """Upright badge whose coloured top is an arc."""
    card.gradient((252, 252, 252), style.light)
    card.disc(card.width / 2, -120, 470, style.dark)
    middle = card.width / 2
    card.text(middle, 84, style.country, 48, readable_on(style.dark), style.bold, 520, "ms")
    holder.photo(card, person, 190, 140, 250, 310, 60)
    name = f"{person.given} {person.surname}"
    card.text(middle, 520, name, 46, style.ink, style.bold, 560, "ms")
    rows = (("ID", person.number), ("Born", person.born), ("Expires", person.expires))
    for i, (caption, value) in enumerate(rows):
        card.text(70, 600 + i * 62, caption, 28, GREY)
        card.text(220, 600 + i * 62, value, 38, style.ink, style.face, 360)
    parts.dot_code(card, 225, 785, 180, 180, qr=True)


def full_bleed_passport_card(card: Canvas, person: Person, style: Style) -> None:
    """Passport card: the photo runs to the corner, a dark band along the bottom."""
    card.gradient(style.light, (235, 225, 235))
    parts.rosette(card, 640, 250, 230, hsv(style.hue, 0.16, 0.84))
    parts.guilloche(card, hsv(style.hue + 0.5, 0.4, 0.7), 0.3)
    holder.photo(card, person, 0, 0, 340, 470)
    card.rect(0, 470, 1000, 631, style.dark)
    card.text(40, 572, style.country, 66, readable_on(style.dark), style.bold, 760)
    card.text(380, 70, style.title, 46, style.dark, style.bold, 560)
    holder.labelled_rows(card, person, 380, 120, 400, 70, style)
    parts.chip(card, 840, 498, 120)
    parts.hologram(card, 770, 130, 200, 260, 0.35)


def centred_identity(card: Canvas, person: Person, style: Style) -> None:
    """Identity card with the photo in the middle and data on both sides."""
    parts.backdrop(card, style)
    card.text(500, 70, style.country, 50, style.dark, style.bold, 900, "ms")
    card.text(500, 108, style.title, 28, style.dark, style.face, 900, "ms")
    holder.photo(card, person, 375, 135, 250, 320)
    left = ((person.surname, "Surname"), (person.given, "Name"), (person.born, "Birth"))
    right = ((person.number, "No."), (person.issued, "Issued"), (person.expires, "Expiry"))
    for x, rows in ((45, left), (655, right)):
        for i, (value, caption) in enumerate(rows):
            card.text(x, 190 + i * 100, caption, 24, GREY)
            card.text(x, 232 + i * 100, value, 36, style.ink, style.bold, 300)
    card.rect(0, 500, 1000, 631, WHITE)
    holder.machine_readable_zone(card, person, 40, 550, 920, 2)


def two_tone_licence(card: Canvas, person: Person, style: Style) -> None:
    """Licence split into a coloured half with the photo and a white half with the data."""
    card.gradient(WHITE, style.light)
    card.polygon([(0, 0), (430, 0), (330, 631), (0, 631)], style.dark)
    holder.photo(card, person, 50, 110, 250, 320, pick(card.rng, (0, 120)))
    card.text(40, 70, style.country, 42, readable_on(style.dark), style.bold, 350)
    card.text(40, 560, person.number, 40, readable_on(style.dark), style.mono, 280)
    card.text(460, 80, style.title, 44, style.dark, style.bold, 500)
    holder.coded_rows(card, person, 450, 165, 500, 56, style)
    if chance(card.rng, 0.5):
        parts.flag(card, 870, 530, 100, 66)


HELD_OUT_LAYOUTS = {"dome_badge": Layout(dome_badge, portrait=True)} | usual(
    ruled_licence, side_stripe_permit, full_bleed_passport_card, centred_identity, two_tone_licence
)
