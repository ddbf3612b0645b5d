"""``night.json``: everything that one run of the benchmark found, and what it was found on."""

from __future__ import annotations

from typing import Literal

from compress.records import Origin, Record, Variant

Asked = Literal["control", "student", "teacher on dark", "teacher on clean", "enhance, then detect"]
"""Which network is asked about what; ``control`` is the student without a teacher, both see the dark picture."""

ASKED: tuple[Asked, ...] = ("control", "student", "teacher on dark", "teacher on clean", "enhance, then detect")

COMPARED = ("clahe", "gamma")
"""Methods that brighten and learn nothing."""


class Pictures(Record):
    """A method that learns nothing. PSNR in dB and SSIM per picture, in the order of ``NightFile.images``."""

    name: str
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]


class Scores(Record):
    """Of a network's two heads; mAP in [0, 1] is of all pictures together.

    ``enhance, then detect``: the picture is the student's, the boxes are the teacher's in it.
    """

    asked: Asked
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    map50: float
    map50_95: float


class Size(Record):
    """Parameters, and multiply-accumulates of a picture of ``NightFile.size``."""

    params: int
    macs: int


class Built(Record):
    """The distilled student, float or INT8, through a runtime; mAP in [0, 1] is of all pictures together."""

    variant: Variant
    through: str
    origin: Origin = "measured"
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    map50: float
    map50_95: float


class Run(Record):
    """One seed. ``words``: what the command would be; ``digests``: of the chain's artefacts, by stage; ``commit``: of
    the code that made the row. ``builds``: empty where INT8 was not asked for."""

    seed: int
    words: tuple[str, ...]
    commit: str
    digests: dict[str, str]
    student: Size
    teacher: Size
    scores: tuple[Scores, ...]
    builds: tuple[Built, ...] = ()

    def of(self, asked: Asked) -> Scores:
        return next(each for each in self.scores if each.asked == asked)


class NightFile(Record):
    """``commit``: of the code that measured, with ``+`` for changes beside it; ``size``: height and width of a picture.

    ``steps``: most steps of a training, None for those of the recipe.
    """

    command: str
    commit: str
    data_digest: str
    split_digest: str
    images: tuple[str, ...]
    definition: str
    size: tuple[int, int]
    seeds: tuple[int, ...]
    steps: int | None
    fingerprint: dict[str, str]
    versions: dict[str, str]
    fixed: tuple[Pictures, ...] = ()
    runs: tuple[Run, ...] = ()
