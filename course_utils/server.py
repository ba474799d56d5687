"""The server of the `lab` command: for this machine alone, and always with a token, whatever other settings say."""

import secrets

from jupyter_server.auth.identity import PasswordIdentityProvider

ADDRESS = "127.0.0.1"
TOKEN = secrets.token_hex(24)
LARGEST = 256 * 2**20  # bytes of a message from the page; Tornado drops a photo beyond its own 10 MiB without an error


class OwnToken(PasswordIdentityProvider):
    """Jupyter's identity provider, with a token that is new for each server and cannot be switched off.

    The token is part of the address. Jupyter makes this object after it has read all settings, even those that rank
    above the command line, and before the server listens.
    """

    token = property(lambda self: TOKEN, lambda self, value: None)
    token_generated = property(lambda self: True, lambda self, value: None)

    def __init__(self, **options):
        super().__init__(**options)
        self.parent.ip, self.parent.sock = ADDRESS, ""
        self.parent.tornado_settings = {**self.parent.tornado_settings, "websocket_max_message_size": LARGEST}
