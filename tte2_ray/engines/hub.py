"""Models on the hub: whether they can be had, asked before an engine is started for them."""

from importlib import import_module
from pathlib import Path

from tte2_ray.artifacts.weights import missing_weights
from tte2_ray.errors import ResourceMissingError

TIMEOUT_S = 5.0
"""Of one question to the hub."""
_CONFIG = "config.json"


def hub_folder(model: str, revision: str) -> Path:
    """The folder of a model in this machine's cache of the hub: its configuration, at least.

    Where the weights are cached nobody is asked. Otherwise the hub must answer for the model:
    engines fetch from it what is missing.

    Args:
        model: its name on the hub.
        revision: a commit.

    Raises:
        ResourceMissingError: the hub has no such model or revision, refuses it, or does not answer.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(model, _CONFIG, revision=revision)
        if isinstance(cached, str) and not missing_weights(Path(cached).parent):
            return Path(cached).parent
        _require_published(model, revision)
        file = hf_hub_download(model, _CONFIG, revision=revision, etag_timeout=TIMEOUT_S)
    except HFValidationError as error:
        raise ResourceMissingError(
            f"model {model!r} is neither a folder nor a name on the hub: {error}"
        ) from error
    return Path(file).parent


def _require_published(model: str, revision: str) -> None:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # The base of its errors is that of its HTTP client, which it has changed more than once.
    unanswered = (import_module("huggingface_hub.errors").HTTPError, OSError)
    named = f"model {model} at revision {revision}"
    or_folder = "or name a folder that holds it"
    try:
        get_hf_file_metadata(
            hf_hub_url(model, _CONFIG, revision=revision, endpoint=constants.ENDPOINT),
            timeout=TIMEOUT_S,
        )
    except GatedRepoError as error:
        raise ResourceMissingError(
            f"{named}: the hub asks for consent; accept its terms and set HF_TOKEN, {or_folder}"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, RemoteEntryNotFoundError) as error:
        raise ResourceMissingError(
            f"{named} is not on the hub, or not for this HF_TOKEN; correct the name, {or_folder}"
        ) from error
    except HfHubHTTPError as error:
        raise ResourceMissingError(f"{named}: the hub refuses ({error}); {or_folder}") from error
    except unanswered as error:
        offline = " (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else ""
        raise ResourceMissingError(
            f"{named} is not whole in the cache of this machine ({constants.HF_HUB_CACHE}), and "
            f"{constants.ENDPOINT} does not answer{offline}: fetch it first, {or_folder}"
        ) from error
