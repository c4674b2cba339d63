"""Why a connection failed, in words of the system and never of the other side."""

import ssl


def reason(error: Exception) -> str:
    """What an outcome says of an error of a connection; a certificate's failure comes with its cause.

    >>> reason(ConnectionRefusedError(111, "Connection refused")), reason(TimeoutError())
    ('Connection refused', 'TimeoutError')
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    return type(error).__name__
