"""Draws a truth as pixels, with nuisance that the truth does not know.

Nuisance: colour jitter, rotation, scale, shading of the ground, strokes and rules that mean
nothing, grain, font, size of the canvas and compression (by `world.py`). Everything is drawn at
twice the size and scaled down, so that edges are smooth. Shapes of arrays: frames are uint8
(T, H, W, 3).
"""

from tte2_ray.mini.render.clip import CLIP_FPS, draw_clip
from tte2_ray.mini.render.page import draw_lines, draw_page
from tte2_ray.mini.render.scene import draw_scene
from tte2_ray.mini.render.things import crop_thing

__all__ = ["CLIP_FPS", "crop_thing", "draw_clip", "draw_lines", "draw_page", "draw_scene"]
