"""Which designs, surfaces and things each split may show. One table, read by everything else.

Validation and test share nothing with training or with one another, so a good score means
that the detector knows what an identity card is, not which ones it has seen.
"""

from __future__ import annotations

from typing import Literal, get_args

Split = Literal["train", "val", "test"]
Kind = Literal["layouts", "photographs", "textures", "cards", "things"]
SPLITS: tuple[Split, ...] = get_args(Split)

FAMILIES: dict[Kind, dict[Split, tuple[str, ...]]] = {
    # Designs of identity cards.
    "layouts": {
        "train": (
            "us_licence", "eu_licence", "chip_identity", "photo_right", "mrz_identity",
            "asian_identity", "asian_licence", "code_back", "code_back_table", "vertical_badge",
            "passport_page", "residence_permit",
            "random_landscape", "random_portrait", "random_large",
        ),
        "val": ("centred_identity", "full_bleed_passport_card"),
        "test": ("ruled_licence", "side_stripe_permit", "dome_badge", "two_tone_licence"),
    },
    # Photographs behind the scene, as package/file.
    "photographs": {
        "train": (
            "sklearn/china.jpg", "skimage/astronaut.png", "skimage/brick.png",
            "skimage/chelsea.png", "skimage/clock_motion.png", "skimage/coffee.png",
            "skimage/coins.png", "skimage/gravel.png", "skimage/ihc.png",
            "skimage/motorcycle_left.png", "skimage/motorcycle_right.png", "skimage/page.png",
            "skimage/retina.jpg", "skimage/rocket.jpg",
        ),
        "val": ("sklearn/flower.jpg", "skimage/moon.png"),
        "test": (
            "skimage/camera.png", "skimage/grass.png", "skimage/hubble_deep_field.jpg",
            "skimage/text.png",
        ),
    },
    # Drawn surfaces.
    "textures": {
        "train": (
            "wood", "cloth", "checked_cloth", "stone", "granite", "plain", "tiles", "carpet",
            "bokeh", "dead_leaves", "room", "newsprint",
        ),
        "val": ("denim", "terrazzo"),
        "test": ("leather", "wicker", "concrete"),
    },
    # Things of a card's size that are not identity cards.
    "cards": {
        "train": (
            "bank_card", "loyalty_card", "business_card", "voucher", "boarding_pass",
            "transit_ticket", "random_print", "blank_card", "playing_card", "polaroid",
            "photo_strip", "banknote", "sticky_note",
            # Near misses; the club card twice, because it is taken for an identity card most.
            "club_card", "club_card", "picture_card", "fan_card", "event_ticket", "pass_sheet",
            "poster", "lit_screen", "portrait_print", "notes_form",
        ),
        "val": ("cinema_ticket", "hotel_key", "ski_pass", "donor_card", "autograph_card"),
        "test": ("gift_card", "membership_card", "luggage_tag"),
    },
    # Other things that lie about.
    "things": {
        "train": (
            "phone", "book", "letter", "receipt", "keyboard", "laptop", "envelope", "notebook",
            "wallet", "remote", "mug", "plate", "pen", "coins", "keys", "cable", "glasses",
        ),
        "val": ("calculator", "ruler"),
        "test": ("magazine", "medicine_box", "cassette", "mouse"),
    },
}  # fmt: skip

# Three training cards in four are made up on the spot; the fixed designs share the rest.
RANDOM_LAYOUT_SHARE = 0.75


def families(kind: Kind, split: Split) -> tuple[str, ...]:
    """Return the names of one kind that a split may show."""
    return FAMILIES[kind][split]
