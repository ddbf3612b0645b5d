"""What stages hand to one another: sealed folders with a typed face.

An artefact is a folder that the store has sealed. Its class says which files lie in it; nothing
else of a stage's output may be relied on. A stage that needs any trained float network asks for
``FloatNet`` and gets the newest one of the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOREIGN = "foreign.json"
"""The file that says how to open a network from outside; it lies beside that network's files."""

NET = "net.safetensors"
"""A network of ours."""


def net_file(folder: Path) -> Path:
    """What opens the network in a folder: ``foreign.json`` if there is one, else ``net.safetensors``."""
    foreign = folder / FOREIGN
    return foreign if foreign.is_file() else folder / NET


@dataclass(frozen=True)
class Artefact:
    """A sealed folder; ``digest`` is the SHA-256 over its file digests."""

    folder: Path
    key: str
    digest: str


@dataclass(frozen=True)
class Net(Artefact):
    """A network: ``net.safetensors``, whose metadata names the architecture and its settings; or one from outside, with
    ``foreign.json`` and its files (``compress.foreign``)."""

    @property
    def weights(self) -> Path:
        return net_file(self.folder)

    @property
    def foreign(self) -> bool:
        return self.weights.name == FOREIGN


@dataclass(frozen=True)
class Teacher(Net):
    """The trained network that is given."""


@dataclass(frozen=True)
class Labels(Artefact):
    """The teacher's answers to frames without ground truth: ``frames.json`` and PNG files (``compress.data.labelled``).

    ``truth/`` holds the answers, ``dark/`` frames out of videos; dark pictures that are files stay where they are.
    """

    @property
    def listed(self) -> Path:
        return self.folder / "frames.json"

    @property
    def kernel(self) -> Path | None:
        """``kernel.json``, ``kernel.svg`` beside it, where the stage degrade made the pairs; else None."""
        path = self.folder / "kernel.json"
        return path if path.is_file() else None


@dataclass(frozen=True)
class FloatNet(Net):
    """A float network that could ship; ``curve.json`` holds its training curve, where it was trained here."""

    @property
    def curve(self) -> Path:
        return self.folder / "curve.json"


@dataclass(frozen=True)
class Student(FloatNet):
    """The distilled student, or the user's own network, taken in."""


@dataclass(frozen=True)
class Unpaired(Student, Teacher):
    """Trained without pairs: it ships itself, or teaches a smaller one. ``unpaired.json`` says by what."""


@dataclass(frozen=True)
class Pruned(FloatNet):
    """The student with fewer channels, fine-tuned."""


@dataclass(frozen=True)
class Control(Net):
    """The same student trained without a teacher; never ships."""


@dataclass(frozen=True)
class Quantized(Net):
    """The network under fake-quant.

    ``weights`` is the float network underneath (architecture of the FloatNet it came from),
    ``qat.safetensors`` / ``qat.json`` NNCF's state and configuration as it ships, ``ptq.safetensors`` / ``ptq.json``
    the same before training (the control; none where nothing was trained), ``quantization.json`` the table of scales.
    """

    @property
    def trained(self) -> bool:
        return (self.folder / "ptq.json").is_file()

    @property
    def table(self) -> Path:
        return self.folder / "quantization.json"


@dataclass(frozen=True)
class Promoted(Quantized):
    """The same with costly layers in 16 bit or float; ``sensitivity.json`` says why, ``sensitivity.svg`` shows it."""

    @property
    def report(self) -> Path:
        return self.folder / "sensitivity.json"

    @property
    def plot(self) -> Path:
        return self.folder / "sensitivity.svg"


@dataclass(frozen=True)
class Builds(Artefact):
    """Deployable files and ``builds.json``, their list (``compress.runtimes.base.BuildList``)."""


@dataclass(frozen=True)
class Measurements(Artefact):
    """``quality.json`` (repeatable), ``speed.json`` (a measurement, differs from run to run), crops in ``looks``; in
    ``given`` those of given pictures enlarged, where these are all the truth there is; in ``backlit`` what was found on
    pictures that are lit from one side."""

    @property
    def looks(self) -> Path:
        return self.folder / "looks"

    @property
    def given(self) -> Path:
        return self.folder / "given"

    @property
    def backlit(self) -> Path:
        return self.folder / "backlit"


@dataclass(frozen=True)
class Verdict(Artefact):
    """``verdict.json``: every budget, what was measured, pass / fail / incomplete."""


@dataclass(frozen=True)
class Bundle(Artefact):
    """The signed hand-over folder, one level down: the store's own ``manifest.json`` stays out of it."""

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"
