"""From a flat card to a photograph: surfaces, perspective, hands, lens and noise.

Imported by the composer and the stage.
"""
