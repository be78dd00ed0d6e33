"""Everything that is not an identity card: near misses, other cards, paper, desks.

Imported by the composer.
"""
