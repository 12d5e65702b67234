"""Runs a notebook in the Colab-like environment, started with that environment's Python.

    python run_notebook.py SOURCE TARGET SECONDS_PER_CELL

TARGET holds the notebook with its outputs, also when a cell raised. Exit status 1: a cell raised.
"""

import fcntl
import socket
import struct
import sys

import nbclient
import nbformat


def raise_loopback() -> None:
    """In a network namespace of its own a process has no loopback either, and kernels need it."""
    get, put, up = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ask = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(sock, get, ask))[1]
        if not flags & up:
            fcntl.ioctl(sock, put, struct.pack("16sh14x", b"lo", flags | up))


def main(source: str, target: str, seconds: str) -> int:
    notebook = nbformat.read(source, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=float(seconds), kernel_name="python3", store_widget_state=True
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    if sys.platform == "linux":
        raise_loopback()
    sys.exit(main(*sys.argv[1:]))
