"""Queries as a judge sees them: decoded anew, for no pixel travels from phase to phase."""

from dataclasses import replace

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.ready import Ready, Refused


async def with_media(found: Ready | Refused, decoder: Decoder) -> Ready | Refused:
    """The query with its pixels; refused where they are not to be had, or no longer those that its
    ECR and its vector were made of.

    Args:
        found: one of words alone, or one that was refused before, stays as it is.
        decoder: fetches and decodes.
    """
    if isinstance(found, Refused) or not found.asked.has_media:
        return found
    try:
        media = await decoder.decode(found.item)
        if media.content_sha256 != found.content_key:
            message = "its files changed after they were reasoned about; run again with --redrive"
            raise RowError(RowErrorClass.CONTENT_CHANGED, message)
    except RowError as error:
        return Refused(error_class=error.error_class.value, message=error.message, stage="decode")
    return replace(found, asked=replace(found.asked, media=media))
