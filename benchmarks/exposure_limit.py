"""How well the brightness of the well-lit picture can be told from the dark one, and what PSNR that leaves.

The photographer chose it, so part of it is chance. Regressions from what a dark picture shows (noise by brightness,
which tells the ISO setting; quantiles; colours; a coarse grid; the most alike other view) predict the log of the mean
brightness: over folds of whole scenes, on the validation split, and on the test pictures, which choose nothing here.
The last columns are the mean PSNR of test pictures that have this brightness and, in everything else, 28 or 25 dB of
error. Prints Markdown.

``python benchmarks/exposure_limit.py [--root LOL]`` (LOL-v1 as in ``calibration/lol.yaml``; two minutes)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from compress.config.load import load_plans
from compress.data.source import PairSource, open_data
from compress.errors import CompressError

FloatArray = NDArray[np.float64]
FOLDS = 5
LOL = Path(__file__).resolve().parents[2] / "shared" / "data" / "lol_v1"
OTHER_ERRORS_DB = (28.0, 25.0)
WAYS: dict[str, tuple[Callable[[], Any], bool]] = {
    "the mean of all": (DummyRegressor, False),
    "the most alike view": (lambda: KNeighborsRegressor(1, metric="cosine"), True),
    "ridge regression": (lambda: make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 4, 9))), False),
    "kernel ridge regression": (lambda: make_pipeline(StandardScaler(), _kernel_ridge()), False),
}
"""By name: makes a regressor; whether it looks at the view alone."""


@dataclass(frozen=True)
class Shown:
    """What pictures show, (N, features); their views (N, cells); logs of the truths' means; scenes by number."""

    features: FloatArray
    views: FloatArray
    told: FloatArray
    scenes: NDArray[np.int64]


def shown(source: PairSource) -> Shown:
    """Of all pairs of a split."""
    rows, views, told = [], [], []
    for index in range(len(source)):
        dark, truth = source.pair(index)
        picture = dark.astype(np.float64)
        view = view_of(picture)
        rows.append(np.concatenate((noise_of(picture), tones_of(picture), view[::5, ::5].ravel())))
        views.append(view.ravel())
        told.append(np.log(truth.mean() / 255.0))
    numbers = {scene: number for number, scene in enumerate(dict.fromkeys(source.scenes))}
    return Shown(np.array(rows), np.array(views), np.array(told), np.array([numbers[each] for each in source.scenes]))


def noise_of(picture: FloatArray) -> FloatArray:
    """Log of mean diagonal differences in 2x2 blocks, of grey and of red less green, in five classes of brightness."""
    grey, colour = picture.mean(2), picture[..., 0] - picture[..., 1]
    level, fine, tint = _blocks(grey).mean((1, 3)), _diagonal(grey), _diagonal(colour)
    limits = np.quantile(level, np.linspace(0, 1, 6))
    classes = [(level >= low) & (level <= high) for low, high in zip(limits, limits[1:], strict=False)]
    return np.log([np.abs(each[part]).mean() + 0.05 for part in classes for each in (fine, tint)])


def tones_of(picture: FloatArray) -> FloatArray:
    """Log of quantiles of grey and of each colour (picture in codes), and how often a colour is zero."""
    grey = np.quantile(picture.mean(2), (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99))
    colours = np.quantile(picture, (0.1, 0.5, 0.9), axis=(0, 1)).ravel()
    return np.concatenate((np.log(np.concatenate((grey, colours)) + 0.5), [(picture == 0).mean()]))


def view_of(picture: FloatArray) -> FloatArray:
    """Log of grey on a grid of 25x25 cells without its mean, so that the same view has the same at each exposure."""
    height, width = (side // 25 * 25 for side in picture.shape[:2])
    grey = picture[:height, :width].mean(2).reshape(25, height // 25, 25, width // 25).mean((1, 3))
    cells = np.log(grey + 1.0)
    centred: FloatArray = cells - cells.mean()
    return centred


def _blocks(grey: FloatArray) -> FloatArray:
    height, width = (side // 2 * 2 for side in grey.shape)
    return grey[:height, :width].reshape(height // 2, 2, width // 2, 2)


def _diagonal(grey: FloatArray) -> FloatArray:
    blocks = _blocks(grey)
    made: FloatArray = (blocks[:, 0, :, 0] - blocks[:, 0, :, 1] - blocks[:, 1, :, 0] + blocks[:, 1, :, 1]) / 2.0
    return made


def _kernel_ridge() -> TransformedTargetRegressor:
    grid = {"alpha": [0.1, 0.3, 1.0, 3.0], "gamma": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]}
    searched = GridSearchCV(KernelRidge(kernel="rbf"), grid, cv=FOLDS, scoring="neg_mean_squared_error")
    return TransformedTargetRegressor(searched, transformer=StandardScaler())


def psnr_db(source: PairSource, told: FloatArray, other_db: float) -> float:
    """Mean PSNR of truths of the wrong brightness, ``told`` being the log of their mean, with other errors added."""
    values = []
    for index, log_mean in enumerate(told):
        truth = source.pair(index)[1] / 255.0
        error = np.mean((np.clip(truth * np.exp(log_mean) / truth.mean(), 0.0, 1.0) - truth) ** 2)
        values.append(-10.0 * np.log10(error + 10.0 ** (-other_db / 10.0)))
    return float(np.mean(values))


def main(words: list[str]) -> int:
    """Measure and print; 2 where the pictures can't be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help=f"folder of LOL's pairs  [default: {LOL}]")
    options = parser.parse_args(words)
    if options.root is None and not LOL.is_dir():
        print(f"not measured: no LOL pairs in {LOL}; name their folder with --root")
        return 0
    try:
        (plan,) = load_plans(("recipe=kd_int8", "target=x86_edge", "data=lol", f"data.root={options.root or LOL}"))
        sources = {split: open_data(plan.data, split) for split in ("train", "val", "test")}
    except CompressError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    report(sources)
    return 0


def report(sources: dict[str, PairSource]) -> None:
    """One row a way of telling."""
    train, val, test = (shown(sources[split]) for split in ("train", "val", "test"))
    print("| told by | folds, rms log | validation | test | test PSNR dB, 28 dB else | 25 dB else |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (make, by_view) in WAYS.items():
        seen, on_val, on_test = (each.views if by_view else each.features for each in (train, val, test))
        folds = cross_val_predict(make(), seen, train.told, groups=train.scenes, cv=GroupKFold(FOLDS))
        model = make().fit(seen, train.told)
        on_val, on_test = model.predict(on_val), model.predict(on_test)
        misses = (folds - train.told, on_val - val.told, on_test - test.told)
        cells = [f"{np.sqrt(np.mean(miss**2)):.3f}" for miss in misses]
        cells += [f"{psnr_db(sources['test'], on_test, other):.2f}" for other in OTHER_ERRORS_DB]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
