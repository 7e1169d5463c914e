"""The last line of defence for passwords: they are masked in every log record."""

import logging

from simsim.credential import password


class MaskPasswords(logging.Filter):
    """Masks everything in the form of a password, in the message and in the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = password.mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = password.mask(logging.Formatter().formatException(record.exc_info))
        return True
