"""What the detector's core is made of: images, network, boxes, drawing.

Imported by the core and the adapters. Imports no serving framework.
"""
