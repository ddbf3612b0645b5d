"""Against a ground truth: the only PSNR and SSIM, and MS-SSIM and VIF, all on 8-bit RGB pictures of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Picture = NDArray[np.uint8]

DEFINITION = (
    "PSNR and SSIM on RGB in [0, 1], output rounded to 8 bit, whole picture, no GT-mean correction; "
    "SSIM Gaussian 11x11, sigma 1.5 (Wang et al. 2004); mean over pictures"
)


def fidelity_definition(to: str) -> str:
    """Where pictures of the network ``to`` stand for a ground truth; it says how bright, so nothing is corrected."""
    if to == "given frame":
        return (
            "fidelity to the given frame: PSNR and SSIM on RGB in [0, 1] of what is made of the frame shrunk by the "
            "camera's estimated kernel, against the frame, output rounded to 8 bit, whole picture, border included; "
            "SSIM Gaussian 11x11, sigma 1.5 (Wang et al. 2004); mean over pictures"
        )
    return (
        f"fidelity to the {to}: PSNR and SSIM on RGB in [0, 1] against the {to}'s picture, both rounded to 8 bit, "
        "whole picture; SSIM Gaussian 11x11, sigma 1.5 (Wang et al. 2004); mean over pictures"
    )


PSNR_CAP_DB = 100.0
"""Value for equal pictures, whose PSNR is infinite and does not fit JSON."""


def _check(output: Picture, truth: Picture) -> None:
    import numpy as np

    if output.shape != truth.shape or output.dtype != np.uint8 or truth.dtype != np.uint8:
        raise ValueError(f"two uint8 pictures of one shape wanted, not {output.dtype} {output.shape} and {truth.shape}")


def psnr_db(output: Picture, truth: Picture) -> float:
    """PSNR in dB of two uint8 (H, W, 3) pictures, peak 255; at most PSNR_CAP_DB."""
    import numpy as np

    _check(output, truth)
    error = float(np.mean((output.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return min(PSNR_CAP_DB, 10.0 * float(np.log10(255.0**2 / error))) if error else PSNR_CAP_DB


def ssim(output: Picture, truth: Picture) -> float:
    """SSIM of two uint8 (H, W, 3) pictures, H and W at least 11, by scikit-image."""
    from skimage.metrics import structural_similarity

    _check(output, truth)
    value = structural_similarity(
        output / 255.0, truth / 255.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=1.0, channel_axis=2,
    )  # fmt: skip
    return float(value)


def gtmean_psnr_db(output: Picture, truth: Picture) -> float:
    """PSNR in dB after scaling the output to the truth's mean: how good all but the exposure is.

    Much of the literature prints this as PSNR; here it is a second, labelled column.
    """
    import numpy as np

    _check(output, truth)
    scale = float(truth.mean()) / max(float(output.mean()), 1e-6)
    scaled = np.clip(np.rint(output.astype(np.float64) * scale), 0, 255).astype(np.uint8)
    return psnr_db(scaled, truth)


def ms_ssim(output: Picture, truth: Picture) -> float:
    """MS-SSIM of two uint8 (H, W, 3) pictures, H and W at least 161, by pytorch-msssim.

    Five scales and their weights as in Wang et al., "Multi-scale structural similarity", Asilomar 2003.
    """
    from pytorch_msssim import ms_ssim as by_library

    _check(output, truth)
    return float(by_library(_batch(output), _batch(truth), data_range=255.0))


def vif(output: Picture, truth: Picture) -> float:
    """VIF in the pixel domain of two uint8 (H, W, 3) pictures, H and W at least 41, by torchmetrics.

    Sheikh and Bovik, "Image information and visual quality", TIP 2006, over four scales of the picture itself in place
    of wavelet subbands (the authors' vifp), noise variance 2 on codes of 0 to 255; each colour alone, then their mean.
    Above 1 where the output has more contrast than the truth.
    """
    from torchmetrics.functional.image import visual_information_fidelity

    _check(output, truth)
    return float(visual_information_fidelity(_batch(output), _batch(truth)))


def _batch(picture: Picture) -> Tensor:
    """float32 (1, 3, H, W), codes of 0 to 255."""
    import numpy as np
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float()[None]
