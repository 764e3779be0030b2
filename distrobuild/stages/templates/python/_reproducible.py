"""What makes a program in Python write the same bytes every time, where it knows nothing of SOURCE_DATE_EPOCH.

The clock stands still (what waits for something reads time.monotonic()), and folders are walked in order.
"""

import datetime
import os
import time


def _fix_clock(epoch):
    class FixedDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(epoch, tz)

    time.time = lambda: float(epoch)
    time.time_ns = lambda: epoch * 10**9
    datetime.datetime = FixedDatetime


def _in_order(walk):
    def ordered(top, topdown=True, onerror=None, followlinks=False):
        for parent, folders, files in walk(top, topdown, onerror, followlinks):
            folders.sort()
            yield parent, folders, sorted(files)

    return ordered


if "SOURCE_DATE_EPOCH" in os.environ:
    _fix_clock(int(os.environ["SOURCE_DATE_EPOCH"]))
    os.walk = _in_order(os.walk)
