"""The rows that the default limits reject, and why: what docs/real-corpus.md tells in words."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class KnownReject:
    """Rows that are rejected for one reason."""

    error_class: str
    why: str
    item_ids: tuple[str, ...]


_FOOD = "clip-art/food"
KNOWN_REJECTS = (
    KnownReject(
        error_class="too_large",
        why="105 to 623 megapixels: over media.max_source_pixels, told from the header and "
        "refused before a pixel is decoded",
        item_ids=(
            "clip-art/computer/microchip_v.2_havok_redh_01.png",
            f"{_FOOD}/beverages/milk_mateya_01.png",
            f"{_FOOD}/breads_and_carbs/bread_mateya_01.png",
            f"{_FOOD}/breads_and_carbs/pasta_mateya_01.png",
            f"{_FOOD}/dairy/cheese_mateya_01.png",
            f"{_FOOD}/desserts/cake_mateya_01.png",
            f"{_FOOD}/fruit/apple_mateya_01.png",
            f"{_FOOD}/fruit/banana_mateya_01.png",
            f"{_FOOD}/meats_and_eggs/egg_mateya_01.png",
            f"{_FOOD}/meats_and_eggs/salami_mateya_01.png",
            f"{_FOOD}/vegetables/paprika_mateya_01.png",
            f"{_FOOD}/vegetables/salad_mateya_01.png",
            "clip-art/signs_and_symbols/flags/america/united_states/kansasflag_dave_reckonin_01.png",
            "clip-art/signs_and_symbols/stop_sign_miguel_s_nchez_.png",
            "clip-art/transportation/roadsigns/stop_sign_right_font_mig_.png",
        ),
    ),
    KnownReject(
        error_class="unsupported_type",
        why="a TIFF of three channels of 64 bits, which Pillow has no mode for",
        item_ids=("photographs/multipage_rgb.tif",),
    ),
)


def known_classes() -> Mapping[str, str]:
    """The error class of each row that is known to be rejected, by item id."""
    return {item_id: known.error_class for known in KNOWN_REJECTS for item_id in known.item_ids}
