"""Stands in for google.colab.output."""


def enable_custom_widget_manager() -> None:
    """Colab loads third-party widgets after this call."""


def disable_custom_widget_manager() -> None:
    """The opposite."""


def no_vertical_scroll() -> None:
    """Colab lets a long output grow instead of giving it a scroll bar."""


def clear(wait: bool = False, output_tags: object = ()) -> None:
    """Colab empties the output of the running cell."""
