"""Notes of every Python process of an installation: addresses of its sockets, and what endpoints unpickle."""

from __future__ import annotations

from pathlib import Path

WATCH = """
import os, sys

def _note(event, arguments):
    if event in ("socket.bind", "socket.connect"):
        address = arguments[1]
        text = str(address[0]) if isinstance(address, tuple) else "unix"
    elif event == "socket.getaddrinfo":
        text = str(arguments[0])
    elif event == "pickle.find_class" and "project.local.http_host" in sys.orig_argv:
        frame = sys._getframe(1)
        if os.sep + "numba" + os.sep in frame.f_code.co_filename:
            return  # The compiled kernels, which are beside their source.
        text = ".".join(arguments) + " by " + frame.f_code.co_filename
    else:
        return
    file = os.open(os.environ["PROCESS_WATCH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (event + " " + text + "\\n").encode())
    os.close(file)

if "PROCESS_WATCH" in os.environ:
    sys.addaudithook(_note)
"""
"""As ``sitecustomize``: it runs before anything else does."""


def watch(folder: Path) -> dict[str, str]:
    """Variables with which processes take notes in ``folder / "watched"``."""
    (folder / "sitecustomize.py").write_text(WATCH)
    return {"PYTHONPATH": str(folder), "PROCESS_WATCH": str(folder / "watched")}


def noted(folder: Path) -> dict[str, set[str]]:
    """Event -> what it was about."""
    found: dict[str, set[str]] = {}
    for line in (folder / "watched").read_text().splitlines():
        event, _, address = line.partition(" ")
        found.setdefault(event, set()).add(address)
    return found
