"""What a log may say of a failure: where it happened and what kind it was, and not whose rows were in hand."""

import logging
import re

# PostgreSQL's errors quote the row or the key that they are about, and the statement with its values.
OF_A_ROW = re.compile(r"^(DETAIL|CONTEXT|LINE \d+):.*(?:\n(?!Traceback|\S+Error|The above|During).*)*", re.MULTILINE)


class WithoutRows(logging.Formatter):
    """A line with its traceback, from which the database's quotations of customers' data are cut."""

    def formatException(self, ei: object) -> str:
        return OF_A_ROW.sub(r"\1: (left out of the log)", super().formatException(ei))  # type: ignore[arg-type]
