"""Identity cards: holders, what is printed on them, and designs.

Imported by the composer and by ``negatives``, which borrows faces, fonts and words.
"""

from services.id_card.training.synth.cards.card import LAYOUTS, draw_card

__all__ = ["LAYOUTS", "draw_card"]
