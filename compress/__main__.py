"""``python -m compress``, and what ``torchrun -m compress`` starts in each of its processes."""

from __future__ import annotations

from compress.cli import main

main()
