"""Stands in for google.colab.userdata (the reader's secrets)."""


class SecretNotFoundError(Exception):
    """Colab raises this for a secret that the reader has not stored."""


def get(key: str) -> str:
    """No secret is stored here."""
    raise SecretNotFoundError(key)
