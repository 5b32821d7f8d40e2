"""What the broker or a database has to say of an error, in one line."""

from confluent_kafka import KafkaException


def in_one_line(error: Exception) -> str:
    """The reason, without the statement or the call that met it."""
    if isinstance(error, KafkaException):
        return str(error.args[0].str())
    return (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
