"""A repository of small bundles with keys of its own, as its publisher and its readers see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from small_bundles import sealed

from compress.bundle.trust import Trust, load_trust
from compress.publish.place import FolderPlace
from compress.publish.prepare import prepared
from compress.publish.reader import Fetched, Wanted, fetch
from compress.publish.records import Channel
from compress.publish.repository import Keys, publish, refresh
from compress.publish.state import Lifetimes


@dataclass
class Shop:
    """Who publishes: a folder, keys for root, publishing and release, and the bundles' public key."""

    folder: Path
    here: Path
    keys: Keys
    public: Path
    root: bytes = b""
    made: int = field(default=0)

    @property
    def place(self) -> FolderPlace:
        return FolderPlace(self.folder)

    @property
    def trust(self) -> Trust:
        return load_trust((self.public,))

    def bundle(self, version: str = "1.0.0", **contents: Any) -> Path:
        self.made += 1
        contents.setdefault("weights", version.encode() * 20)
        return sealed(self.here / f"bundle{self.made}", version, **contents)

    def publish(self, *bundles: Path, channel: Channel = "release", times: Lifetimes | None = None) -> None:
        with prepared(bundles, channel, self.trust) as ready:
            publish(self.place, self.root, ready, channel, self.keys, times or Lifetimes())

    def refresh(self, times: Lifetimes | None = None) -> tuple[str, ...]:
        return refresh(self.place, self.root, self.keys, times or Lifetimes())[1]

    def fetch(self, url: str | None = None, to: str = "got", root: bytes | None = None, **wanted: Any) -> Fetched:
        asked = Wanted(**{"channel": "release", **wanted})
        return fetch(url or str(self.folder), root or self.root, asked, self.here / to)

    def metadata(self, name: str) -> Path:
        return self.folder / "metadata" / name
