"""Files on a disk that may be full or closed: they appear whole or not at all."""

from helpers.disk.whole import reason, save_whole, whole_file

__all__ = ["reason", "save_whole", "whole_file"]
