"""Imported by Python at its start when this folder is on PYTHONPATH: no connection leaves this machine.

Each attempt raises OSError and is written to the file named in OFFLINE_LOG, so that a test sees attempts whose error
the program caught.
"""
import os
import socket

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


def _refuse(where):
    if log := os.environ.get("OFFLINE_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{where}\n")
    raise OSError(f"offline: a connection to {where} was attempted")


def _local(host):
    return host in (None, "", b"") or str(host.decode() if isinstance(host, bytes) else host).startswith(LOOPBACK)


def _guard_connect(original):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(address[0]):
            _refuse(address)
        return original(self, address)
    return connect


def _guard_lookup(original):
    def getaddrinfo(host, *arguments, **options):
        if not _local(host):
            _refuse(host)
        return original(host, *arguments, **options)
    return getaddrinfo


socket.socket.connect = _guard_connect(socket.socket.connect)
socket.socket.connect_ex = _guard_connect(socket.socket.connect_ex)
socket.getaddrinfo = _guard_lookup(socket.getaddrinfo)
