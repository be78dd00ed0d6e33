"""What a phone's camera does to a scene: light, exposure, blur, noise, compression."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
from PIL import Image

from services.id_card.training.synth.drawing import Array, Rng, chance, noise, ramp


def shine(rng: Rng, pixels: Array, strength: float) -> None:
    """Light the scene unevenly, in place: a falling-off lamp, cast shadows, slats of a blind.

    `pixels` is (h, w, 3) float32; `strength` is about 0.5 for a fair scene, 1 for a hard one.
    """
    height, width = pixels.shape[:2]
    slope = ramp(height, width, rng.uniform(0, 2 * math.pi)) - 0.5
    gain = 1 + np.float32(strength * rng.uniform(0, 0.7)) * slope
    if chance(rng, 0.3):  # a pool of lamplight
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None] - rng.uniform(0.2, 0.8)
        x = np.linspace(0, 1, width, dtype=np.float32)[None] - rng.uniform(0.2, 0.8)
        pool = np.exp(-(x**2 + y**2) / rng.uniform(0.1, 0.6))
        gain *= 1 + np.float32(strength * rng.uniform(0.1, 0.6)) * (pool - 0.5)
    if chance(rng, 0.35 * strength):  # someone stands in the light
        edge = ramp(height, width, rng.uniform(0, 2 * math.pi))
        wavy = edge + 0.3 * (noise(rng, height, width, max(height, width) / 3) - 0.5)
        cast = np.clip((wavy - rng.uniform(0.25, 0.75)) * rng.uniform(4, 80) + 0.5, 0, 1)
        gain *= 1 - np.float32(rng.uniform(0.15, 0.6)) * cast
    if chance(rng, 0.08):  # a blind
        bars = np.sin(ramp(height, width, rng.uniform(0, math.pi)) * rng.uniform(20, 70))
        gain *= 1 - np.float32(rng.uniform(0.1, 0.35)) * np.clip(bars * 3, 0, 1)
    if chance(rng, 0.4):  # lenses darken towards their corners
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        gain *= 1 - np.float32(rng.uniform(0.03, 0.22)) * (x**2 + y**2)
    pixels *= gain[..., None]


def _blur(rng: Rng, pixels: Array, strength: float) -> Array:
    scale = max(pixels.shape[:2]) / 384
    if chance(rng, 0.5):
        pixels = cv2.GaussianBlur(pixels, (0, 0), scale * rng.uniform(0.3, 0.6 + 0.9 * strength))
    if chance(rng, 0.2 * strength):  # the hand shook
        size = int(rng.uniform(3, 4 + 6 * strength) * scale) | 1
        kernel = np.zeros((size, size), np.float32)
        centre, angle = size // 2, rng.uniform(0, math.pi)
        step = (round(centre * math.cos(angle)), round(centre * math.sin(angle)))
        cv2.line(
            kernel, (centre - step[0], centre - step[1]), (centre + step[0], centre + step[1]), 1
        )
        pixels = cv2.filter2D(pixels, -1, kernel / kernel.sum())
    if chance(rng, 0.12 * strength):  # an old phone, or a picture sent through a messenger
        height, width = pixels.shape[:2]
        part = rng.uniform(0.4, 0.8)
        small = cv2.resize(pixels, None, fx=part, fy=part, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def _tone(rng: Rng, pixels: Array, strength: float) -> Array:
    """Expose and develop: white balance, exposure, contrast, saturation, all through a table."""
    balance = 1 + strength * rng.normal(0, 0.05, 3)
    if chance(rng, 0.25):  # bulbs are yellow, shade is blue
        warm = rng.uniform(-0.16, 0.24) * strength
        balance += np.array([warm, 0.2 * warm, -warm])
    exposure = math.exp(strength * rng.normal(0.02, 0.17))
    if chance(rng, 0.12 * strength):
        exposure *= rng.uniform(1 - 0.65 * strength, 1 - 0.3 * strength)  # dim room
    gamma = math.exp(strength * rng.normal(0, 0.16))
    contrast = rng.uniform(1 - 0.3 * strength, 1 + 0.2 * strength)
    lift = strength * rng.uniform(-14, 18)
    level = np.clip(np.arange(2048, dtype=np.float32) / 4, 0, 511)[:, None] * (balance * exposure)
    curve = 255 * np.power(np.clip(level / 255, 0, 2), gamma)
    curve = (curve - 118) * contrast + 118 + lift
    shoulder = np.where(curve > 225, 225 + 30 * np.tanh((curve - 225) / 38), curve)
    index = np.clip(pixels * 4, 0, 2047).astype(np.int16)
    out = np.empty_like(pixels)
    for channel in range(3):
        out[..., channel] = np.take(shoulder[:, channel], index[..., channel])
    if chance(rng, 0.3):
        grey = out @ np.array([0.3, 0.59, 0.11], np.float32)
        keep = np.float32(0.0 if chance(rng, 0.15) else rng.uniform(0.4, 1.35))
        out = grey[..., None] + (out - grey[..., None]) * keep
    return out


def _noise(rng: Rng, pixels: Array, strength: float) -> Array:
    height, width = pixels.shape[:2]
    sigma = rng.uniform(0.5, 1.5 + 7 * strength) * (2.0 if pixels.mean() < 60 else 1.0)
    grain = rng.standard_normal((height, width, 1 if chance(rng, 0.4) else 3), dtype=np.float32)
    if chance(rng, 0.4):  # noise reduction leaves blotches instead of grain
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8).reshape(height, width, -1) * np.float32(1.6)
    return pixels + grain * np.float32(sigma)


def develop(rng: Rng, pixels: Array, strength: float) -> Image.Image:
    """Take the RGB photograph of a lit scene, (h, w, 3) float32, above 255 where it shines.

    Nothing moves: boxes stay valid. *strength* is about 0.5 for a fair photograph, 1 for a poor
    one. Some have the marks of JPEG, where the camera compressed them strongly.
    """
    pixels = _blur(rng, pixels, strength)
    pixels = _tone(rng, pixels, strength)
    if chance(rng, 0.35):  # phones sharpen
        soft = cv2.GaussianBlur(pixels, (0, 0), 1.2)
        pixels = pixels + (pixels - soft) * np.float32(rng.uniform(0.2, 1.0))
    pixels = _noise(rng, pixels, strength)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if chance(rng, 0.5):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(85 - int(50 * strength), 93)))
        image = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
    return image
