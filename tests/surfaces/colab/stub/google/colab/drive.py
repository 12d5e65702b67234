"""Stands in for google.colab.drive."""


def mount(mountpoint: str, force_remount: bool = False, readonly: bool = False) -> None:
    """A course that needs a reader's private files is a mistake: the test says so."""
    raise RuntimeError(f"the notebook asked to mount Google Drive at {mountpoint}")
