"""What can go wrong, as types with stable codes.

    CargostreamError            exit 1
    ├── UsageError              exit 2: a wrong option or setting
    ├── Unhealthy               exit 3: `status` found a part that does not work
    ├── ModelRefused            a model artifact that must not serve
    ├── Rejection               a row's own fault; becomes an answer, never an accident
    ├── Unavailable             what may heal by itself: the work is tried again
    └── Unmendable              what waits for somebody's hands: it is told at once
"""

from enum import StrEnum


class RejectCode(StrEnum):
    """Why a row was answered with `rejected`. Stored in the target table: codes are never renamed."""

    INVALID_MESSAGE = "invalid_message"
    PATH_NOT_ALLOWED = "path_not_allowed"
    FILE_NOT_FOUND = "file_not_found"
    NOT_A_FILE = "not_a_file"
    NOT_READABLE = "not_readable"
    EMPTY_FILE = "empty_file"
    FILE_TOO_LARGE = "file_too_large"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UNSUPPORTED_MODE = "unsupported_mode"
    CORRUPT_IMAGE = "corrupt_image"
    TOO_MANY_PIXELS = "too_many_pixels"
    BAD_DIMENSIONS = "bad_dimensions"
    MODEL_ERROR = "model_error"
    CRASHED_WORKER = "crashed_worker"


class CargostreamError(Exception):
    """Something failed; the message says what, where, and what to do about it."""

    exit_code = 1


class UsageError(CargostreamError):
    """The command or a setting was given something that it cannot work with."""

    exit_code = 2


class Unhealthy(CargostreamError):
    """A part of the pipeline does not do its work at the moment."""

    exit_code = 3


class Rejection(CargostreamError):
    """A row cannot be predicted, for a reason of its own that waiting will not change."""

    def __init__(self, code: RejectCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class ModelRefused(CargostreamError):
    """A model artifact is damaged or does not do what it says; it must not serve."""


class Unavailable(CargostreamError):
    """A service or file that is needed is not there at the moment; trying again later may help."""


class Unmendable(CargostreamError):
    """Something is as no waiting will change it: somebody has to do first what the message says."""
