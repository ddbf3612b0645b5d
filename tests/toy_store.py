"""A small artefact, sealed into a store without any chain."""

from __future__ import annotations

from compress.store.digests import digest_of
from compress.store.manifest import Manifest
from compress.store.store import Sealed, Store

KEY = digest_of("a key")


def draft(key: str = KEY, stage: str = "work") -> Manifest:
    return Manifest(
        key=key, stage=stage, stage_version=1, gives="Student", inputs={"net": None}, sections={"S": {"a": 1}},
        seed=1, sources_digest="5", git_commit=None, git_dirty=None, versions={"python": "3"}, wall_s=1.5,
        resumed=False, created="2026-01-01T00:00:00+00:00", files={}, digest="",
    )  # fmt: skip


def sealed(store: Store, key: str = KEY, text: str = "weights") -> Sealed:
    with store.lock(key), store.workplace("work", key, scratch=True) as place:
        (place.out / "net.safetensors").write_text(text)
        (place.out / "deep").mkdir()
        (place.out / "deep" / "more.bin").write_bytes(bytes(range(256)))
        (place.out / "empty").mkdir()
        return store.seal(place.out, draft(key))


def visible(store: Store) -> list[str]:
    return sorted(path.name for path in store.root.iterdir() if not path.name.startswith("."))
