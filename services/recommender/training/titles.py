"""Fictional movies: titles, genres and years. Any resemblance to real ones is coincidental."""

from __future__ import annotations

import numpy as np

WORDS: dict[str, tuple[str, str]] = {
    # genre: adjectives, nouns
    "Action": ("Burning Iron Last Reckless Broken", "Convoy Fist Bullet Siege Rampart"),
    "Adventure": ("Lost Distant Golden Forgotten Wandering", "Compass Caravan Island Atlas River"),
    "Animation": ("Tiny Paper Clockwork Singing Purple", "Fox Kite Teapot Hedgehog Cloud"),
    "Children": ("Muddy Brave Secret Smallest Sleepy", "Puddle Treehouse Pony Lantern Giant"),
    "Comedy": (
        "Awkward Second-Hand Half-Baked Polite Unlikely",
        "Cousin Holiday Wig Landlord Toast",
    ),
    "Crime": ("Crooked Cold Borrowed Unmarked Silent", "Alibi Ledger Motel Witness Getaway"),
    "Documentary": (
        "Unseen Ordinary Living Measured Patient",
        "Harbour Archive Orchard Census Reef",
    ),
    "Drama": ("Quiet Fading Tender Winter Divided", "Kitchen Letter Daughter Shore Harvest"),
    "Fantasy": ("Enchanted Glass Seventh Hollow Silver", "Crown Griffin Tower Spell Forest"),
    "Film-Noir": ("Rainy Midnight Hard Smoky Double", "Alley Cigarette Blonde Pier Shadow"),
    "Horror": ("Whispering Crawling Hungry Pale Nameless", "Cellar Doll Marsh Congregation Mirror"),
    "Musical": (
        "Dancing Velvet Whistling Grand Barefoot",
        "Overture Chorus Ballroom Trumpet Encore",
    ),
    "Mystery": ("Missing Locked Eleventh Curious Veiled", "Cipher Clock Guest Portrait Staircase"),
    "Romance": ("Gentle Summer Stolen Perfect Belated", "Waltz Postcard Vineyard Promise Umbrella"),
    "Sci-Fi": ("Orbital Electric Synthetic Parallel Frozen", "Beacon Colony Signal Machine Comet"),
    "Thriller": ("Sleepless Final Hidden Narrow Fatal", "Passenger Deadline Cable Wire Countdown"),
    "War": ("Fallen Northern Marching Scorched Eastern", "Trench Bridge Regiment Ridge Telegram"),
    "Western": (
        "Dusty Lonesome Crooked-Creek Copper Wild",
        "Spur Saloon Canyon Marshal Stagecoach",
    ),
}
GENRES = tuple(WORDS)
"""MovieLens' genres, spelled differently."""
SHARES = np.array([9, 6, 2, 4, 17, 5, 2, 24, 2, 1, 4, 2, 3, 8, 4, 8, 3, 1], float)
"""Relative frequency of each genre, in any unit: much as in ML-100k."""
ENDINGS = (
    *("",) * 9,
    *(" Returns", " of the North", " by the Sea", " at Dawn", " in Winter", " II", " Revisited"),
)


def invent(n: int, rng: np.random.Generator) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return *n* different titles with their years, and one to three genres for each.

    The years are 1940 to 2023, most of them late.
    """
    years = 2023 - np.minimum(rng.gamma(1.2, 14.0, n), 83).astype(int)
    numbers = rng.choice([1, 2, 3], n, p=[0.5, 0.35, 0.15])
    # The largest values of Gumbel noise plus log shares: a weighted draw without replacement.
    order = np.argsort(-(np.log(SHARES) + rng.gumbel(size=(n, len(GENRES)))), axis=1)
    genres = [
        tuple(GENRES[g] for g in sorted(row[:number]))
        for row, number in zip(order, numbers, strict=True)
    ]
    titles: list[str] = []
    taken: set[str] = set()
    for row, year in zip(order, years, strict=True):
        title = _title(GENRES[row[0]], rng)
        while f"{title} ({year})" in taken:
            title = _title(GENRES[row[0]], rng)
            year = int(rng.integers(1940, 2024))
        taken.add(f"{title} ({year})")
        titles.append(f"{title} ({year})")
    return titles, genres


def _title(genre: str, rng: np.random.Generator) -> str:
    adjectives, nouns = (words.split() for words in WORDS[genre])
    adjective, noun, ending = (
        words[rng.integers(len(words))] for words in (adjectives, nouns, ENDINGS)
    )
    return f"{'The ' if rng.random() < 0.6 else ''}{adjective} {noun}{ending}"
