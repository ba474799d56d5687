"""How JupyterLab, as the `lab` command starts it, knows its user: by a token of its own, whatever other settings say."""
import secrets

from jupyter_server.auth.identity import PasswordIdentityProvider

TOKEN = secrets.token_hex(24)


class OwnToken(PasswordIdentityProvider):
    """Jupyter's own, but its token is fresh with each server, cannot be configured away, and is part of the address that is printed."""

    token = property(lambda self: TOKEN, lambda self, value: None)
    token_generated = property(lambda self: True, lambda self, value: None)
