"""Data files shipped with evopipe: inside the wheel under `runtime/shipped`, in a checkout under `config/`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def shipped_text(name: str) -> str:
    """The text of the shipped file `name` (e.g. "evopipe.yaml", "systemd/evopipe.service").

    Raises `FileNotFoundError` when nothing of that name is shipped. A directory named `config` of the user's own
    is never looked at: the fallback is relative to this package.
    """
    packaged = resources.files("runtime").joinpath("shipped").joinpath(*name.split("/"))
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).resolve().parents[2] / "config" / name
    return checkout.read_text(encoding="utf-8")
