"""The `lab` command's JupyterLab is for this machine alone and has a token, whatever other settings say."""

import secrets

from jupyter_server.auth.identity import PasswordIdentityProvider

ADDRESS = "127.0.0.1"
TOKEN = secrets.token_hex(24)
LARGEST = 256 * 2**20  # bytes of a message from the page: Tornado's 10 MiB are less than a photo, and say nothing


class OwnToken(PasswordIdentityProvider):
    """Jupyter's own, but its token is new with each server, cannot be configured away, and is part of the address.

    It is made when all settings have been read, also those that rank above the command line, before the server listens.
    """

    token = property(lambda self: TOKEN, lambda self, value: None)
    token_generated = property(lambda self: True, lambda self, value: None)

    def __init__(self, **options):
        super().__init__(**options)
        self.parent.ip, self.parent.sock = ADDRESS, ""
        self.parent.tornado_settings = {**self.parent.tornado_settings, "websocket_max_message_size": LARGEST}
