"""What every job looks at before it starts: folders that are kept, a Milvus that answers."""

from pathlib import Path
from tempfile import NamedTemporaryFile

from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.cluster import runs_in_a_copy
from tte2_ray.pipelines.config import JobConfig


def require_kept(config: JobConfig) -> None:
    """Refuses to write where nothing is found again: the same command would start anew.

    Raises:
        ConfigError: a folder lies in Ray's copy of a working directory.
    """
    if not runs_in_a_copy():
        return
    folders = {"report_dir": config.report_dir}
    if "://" not in config.store:
        folders["store"] = config.store
    if not config.milvus.uri:
        folders["milvus.data_dir"] = config.milvus.data_dir
    lost = [f"{key}={path}" for key, path in folders.items() if not Path(path).is_absolute()]
    if lost:
        raise ConfigError(
            f"{', '.join(lost)}: a submitted job runs in Ray's own copy of its working directory, "
            "so this would be lost with it, and nothing resumed; give a whole path or S3, e.g. "
            "store=s3://bucket/prefix report_dir=/data/report milvus.data_dir=/data/milvus"
        )


def require_folder(report_dir: str) -> None:
    """Sees that a folder can be written, or made, and makes none.

    Raises:
        PrerequisiteError: it can be neither.
    """
    whole = Path(report_dir).absolute()
    try:
        there = next(path for path in (whole, *whole.parents) if path.exists())
        with NamedTemporaryFile(dir=there):
            pass
    except OSError as error:
        raise PrerequisiteError(
            f"report_dir {report_dir} cannot be written ({error.strerror}); choose another folder"
        ) from error


def require_milvus(config: MilvusConfig) -> None:
    """Sees that the server at `config.uri` answers.

    Raises:
        PrerequisiteError: it does not.
        ConfigError: it refuses the token.
    """
    client = connect(config)
    try:
        with typed_errors(f"list the collections of Milvus at {config.uri}", first=True):
            client.list_collections(timeout=config.connect_timeout_s)
    finally:
        client.close()
