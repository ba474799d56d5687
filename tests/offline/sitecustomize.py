"""Imported by Python at its start when this folder is on PYTHONPATH: no connection leaves this machine, and what the
course's modules do that is deprecated is an error, as in the unit tests (in a cell it is printed, and nbval finds more
than was stored).

Each attempt raises OSError and is written to the file named in OFFLINE_LOG, so that a test sees attempts whose error
the program caught.
"""

import os
import socket
import warnings

for category in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
    warnings.filterwarnings("error", category=category, module="course_utils")


def _refuse(where):
    if log := os.environ.get("OFFLINE_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{where}\n")
    raise OSError(f"offline: a connection to {where} was attempted")


def _local(host):
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    return name in ("", "localhost", "::1", "0.0.0.0") or name.startswith("127.") and name.replace(".", "").isdecimal()


def _guard_connect(original):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(address[0]):
            _refuse(address)
        return original(self, address)

    return connect


def _guard_sendto(original):
    def sendto(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(arguments[-1][0]):
            _refuse(arguments[-1])
        return original(self, *arguments)

    return sendto


def _guard_lookup(original):
    def lookup(host, *arguments, **options):
        if not _local(host):
            _refuse(host)
        return original(host, *arguments, **options)

    return lookup


socket.socket.connect = _guard_connect(socket.socket.connect)
socket.socket.connect_ex = _guard_connect(socket.socket.connect_ex)
socket.socket.sendto = _guard_sendto(socket.socket.sendto)
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, _guard_lookup(getattr(socket, name)))
