"""The errors of the system: a few that end a job, each with its exit code, and one that ends a row.

Exit codes follow rank_llm: 0 ok, 2 arguments, 3 prerequisite missing, 4 resource missing,
5 validation, 6 runtime, 7 partial. Each message says what was wrong, where, and what to do.
"""

from enum import StrEnum


class TteError(Exception):
    """Ends a job. `exit_code` is what the process returns to the shell."""

    exit_code = 6


class ConfigError(TteError):
    """An argument or a configuration value is wrong."""

    exit_code = 2


class PrerequisiteError(TteError):
    """Something that must run or be installed is not there: a server, a package, a GPU."""

    exit_code = 3


class ResourceMissingError(TteError):
    """A named thing does not exist: a corpus, a bucket, a model folder, an index version."""

    exit_code = 4


class ValidationError(TteError):
    """What was produced does not hold: counts, recall, fingerprints, accounting."""

    exit_code = 5


class RuntimeFailure(TteError):
    """An engine or a server died, or a stage failed for good."""

    exit_code = 6


class OutOfMemory(RuntimeFailure):
    """An engine ran out of memory, or died without a word, as what the kernel kills for it."""


class PartialFailure(TteError):
    """More rows were rejected than the failure budget allows."""

    exit_code = 7


class RowErrorClass(StrEnum):
    """Why one row was rejected. The value is stored in the dead-letter table."""

    EMPTY_ROW = "empty_row"
    MALFORMED_ROW = "malformed_row"
    DUPLICATE_ID = "duplicate_id"
    BAD_ID = "bad_id"
    URI_NOT_ALLOWED = "uri_not_allowed"
    NOT_FOUND = "not_found"
    FETCH_FAILED = "fetch_failed"
    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    CORRUPT_MEDIA = "corrupt_media"
    DECODER_DIED = "decoder_died"
    ENCRYPTED = "encrypted"
    NO_SUCH_PAGE = "no_such_page"
    BAD_ENCODING = "bad_encoding"
    CONTEXT_OVERFLOW = "context_overflow"
    ENGINE_REJECTED = "engine_rejected"
    OVER_PRICE = "over_price"
    EMPTY_ECR = "empty_ecr"
    CONTENT_CHANGED = "content_changed"
    BAD_VECTOR = "bad_vector"


class RowError(Exception):
    """Ends one row, never the job: the row keeps its id and goes to the dead-letter table.

    Args:
        error_class: one of `RowErrorClass`.
        message: what was wrong and where, one line.
    """

    def __init__(self, error_class: RowErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message

    def __reduce__(self) -> tuple[type["RowError"], tuple[RowErrorClass, str]]:
        return (RowError, (self.error_class, self.message))
