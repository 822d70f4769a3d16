"""Queries as a judge sees them: decoded anew, for no pixel travels from phase to phase."""

from dataclasses import replace
from functools import partial

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem
from tte2_ray.schema import Item
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.ready import Ready, Refused


async def with_media(found: Ready | Refused, decoder: Decoder) -> Ready | Refused:
    """The query with the way to its pixels, which are decoded when it is judged: those of a whole
    shard need not fit into memory.

    Args:
        found: one of words alone, or one that was refused before, stays as it is.
        decoder: fetches and decodes.

    Returns:
        A refusal where its pixels are not to be had, or are no longer those that its ECR and its
        vector were made of.
    """
    if isinstance(found, Refused) or not found.asked.has_media:
        return found
    see = partial(_see, decoder, found.item, found.content_key)
    if not await decoder.unchanged(found.item, found.content_key):
        try:
            await see()  # which says why
        except RowError as error:
            name, message = error.error_class.value, error.message
            return Refused(error_class=name, message=message, stage="decode")
    return replace(found, asked=replace(found.asked, see=see))


async def _see(decoder: Decoder, item: Item, content_key: str) -> DecodedItem:
    media = await decoder.decode(item)
    if media.content_sha256 != content_key:
        message = "its files changed after they were reasoned about; run again with --redrive"
        raise RowError(RowErrorClass.CONTENT_CHANGED, message)
    return media
