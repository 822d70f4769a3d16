"""TIFF files that are whole, but of a kind that the image library has no mode for."""

import struct
from io import BytesIO


def unknown_variant(data: bytes) -> str:
    """What a whole TIFF holds that Pillow has no mode for; "" for any other file.

    Pillow refuses such a file as it refuses a damaged one. TIFF is where that is common:
    scientific software writes any number of channels, of any width.
    """
    from PIL import TiffImagePlugin as Tiff

    if not data.startswith((b"II*\0", b"MM\0*")):
        return ""
    head = BytesIO(data)
    try:
        tags = Tiff.ImageFileDirectory_v2(head.read(8))
        head.seek(tags.next)
        tags.load(head)
        width, height = tags[Tiff.IMAGEWIDTH], tags[Tiff.IMAGELENGTH]
        strips = zip(tags[Tiff.STRIPOFFSETS], tags[Tiff.STRIPBYTECOUNTS], strict=True)
        whole = max(map(sum, strips)) <= len(data)
        bits = "+".join(str(bits) for bits in tags[Tiff.BITSPERSAMPLE])
    except (KeyError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return ""
    return f"a TIFF of {width}x{height} with {bits} bits a pixel" if whole else ""
