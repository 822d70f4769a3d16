"""The corpus of a world, and what happens to it between two runs."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

ROWS = 40


def write_corpus(folder: Path) -> None:
    """Pictures and texts; one picture is cut short, one id comes twice, one row is none."""
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for n in range(ROWS):
        if n % 4:
            rows.append({"item_id": f"text-{n}", "text": f"a note about {n}"})
            continue
        Image.new("RGB", (48, 48), (n * 5, 100, 200 - n)).save(folder / f"{n}.png")
        rows.append({"item_id": f"picture/{n} 'x'", "image_uri": f"{n}.png"})
    broken = folder / "4.png"
    broken.write_bytes(broken.read_bytes()[:60])
    _write(folder, [*rows, rows[0], {"item_id": "none"}])


def change_corpus(folder: Path) -> None:
    """New, changed and deleted rows, and a file that changed."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["item_id"] not in ("text-9", "text-10")]
    rows[1] = {"item_id": rows[1]["item_id"], "text": "other words"}
    Image.new("RGB", (48, 48), (9, 9, 9)).save(folder / "12.png")
    rows += [{"item_id": f"new-{n}", "text": f"a new note about {n}"} for n in range(10)]
    _write(folder, rows)


def mend_corpus(folder: Path) -> None:
    """The picture that was cut short is whole."""
    Image.new("RGB", (48, 48), (4, 4, 4)).save(folder / "4.png")


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "manifest.jsonl").write_text(text)
