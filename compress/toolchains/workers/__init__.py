"""Scripts that run inside an isolated environment; they import nothing of ``compress``.

A worker is started as ``python -I WORKER.py request.json answer.json`` (``run_worker``), or without
arguments and kept alive (``Served``). It says what it can't do by answering ``{"error": "one line"}``.
"""
