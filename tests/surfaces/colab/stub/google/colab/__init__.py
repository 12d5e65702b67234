"""Stands in for Colab's own package: the names a notebook may call, which do nothing here."""

from google.colab import drive, files, output, userdata

__all__ = ["drive", "files", "output", "userdata"]
