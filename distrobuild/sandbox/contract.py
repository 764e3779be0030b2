"""What every program in the sandbox can rely on. Part of every stage's key: a change here rebuilds all."""

from __future__ import annotations

HOSTNAME = "distrobuild"
UMASK = 0o022
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/work",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "USER": "root",
    "LOGNAME": "root",
    "SOURCE_DATE_EPOCH": "",  # set for each sandbox
}
"""The whole environment of a program; nothing of the caller's leaks in."""
