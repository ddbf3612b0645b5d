"""The README of a bundle, for the engineer who puts a build on the device."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from compress.bundle.contract import BuildContract
from compress.bundle.feeding import Border
from compress.bundle.golden import MAX_ABS_CODES, MIN_PSNR_DB
from compress.bundle.golden_maps import MIN_SNR_DB
from compress.bundle.manifest import MANIFEST, MODEL_SIGNATURE, SIGNATURE, UNLISTED
from compress.detection.decode import DECODING
from compress.records import TensorSpec

_HEAD = """# {title}

Status: **{status}**
{reasons}
## Is it genuine?

Get the signer's public key (`public.pem`) over another way than this folder; its id must be

    {key_id}

With OpenSSL and coreutils only, from inside this folder:

```bash
# the key you were given is the one named above
openssl pkey -pubin -in public.pem -outform DER | sha256sum
# the manifest is what that key signed: must print "Verified OK"
openssl dgst -sha256 -verify public.pem -signature {signature} {manifest}
# the list of sums is the one in the manifest: must print 1
grep -c "\\"SHA256SUMS\\":{{\\"sha256\\":\\"$(sha256sum < SHA256SUMS | cut -c1-64)\\"" {manifest}
# every file is what was listed: must end without a complaint
sha256sum --check --strict --quiet SHA256SUMS
# and nothing was added: must print nothing
find . ! -type d ! -path ./SHA256SUMS ! -path ./public.pem{unlisted} \\
  | cut -c3- | LC_ALL=C sort | diff - <(cut -c67- SHA256SUMS | LC_ALL=C sort)
```

Or all of it, strictly, with the tool (keep `public.pem` outside this folder); it takes the folder, or the one file
that `compress pack` made of it, as it is:

    compress verify THIS_FOLDER --key public.pem

Or with the standard tool of OpenSSF Model Signing (`pip install model-signing==1.1.1 pyOpenSSL`), which checks every
file but not for empty folders:

    model_signing verify key --public_key public.pem --signature {second} --no-ignore-git-paths .
"""

_DRAFT = """
**A draft** is for trying out. Its signature holds, so it is what its signer made, but something that a release needs
is missing or failed; the list above says what. `compress verify` ends with an error unless told `--allow-draft`. Don't
put it into a product.
"""

_PATHS = {
    "builds": ("`builds/`", "the files to deploy"),
    "contract.json": (
        "`contract.json`",
        "how to feed them: names, shapes, types, codes, formulas, alignment, memory, tiles",
    ),
    "contract.h": ("`contract.h`", "the same for C99, with functions that feed a picture and read the answer"),
    "boxes.h": ("`boxes.h`", "from maps to boxes in C99: scores, distances, of a class the surest that overlap"),
    "quantization.json": ("`quantization.json`", "every trained scale and zero-point"),
    "golden": ("`golden/`", "pictures with the answer each build must give, and the tolerance (`golden.json`)"),
    "tools": ("`tools/`", "verifiers and the self-test, without Python where they can be"),
    "report": ("`report/`", "what was measured, and the verdict: `report.html` or `report.md` to read, JSON, crops"),
    "provenance.json": ("`provenance.json`", "which recipe, target, data, code and artefacts this came from"),
    "sbom.cdx.json": ("`sbom.cdx.json`", "parts list in CycloneDX: builds, networks, data, packages that ran"),
    "LICENSES": ("`LICENSES/`", "what each part may be used for, as far as it is known"),
    "CHANGELOG.md": ("`CHANGELOG.md`", "what changed since the bundle before"),
}
"""What may lie in a bundle, in the order of reading."""

_C = """
## Feeding a build from C

`contract.h` needs nothing but a C99 compiler. The runtime (ONNX Runtime, LiteRT, ...) is yours; between the two calls
below, hand `input` to it as the tensor `{input}` and take the tensor `{output}` as `output`.

```c
#include <stdlib.h>
#include "contract.h"

/* rgb: 8 bits a colour, height x width x 3; is overwritten by the answer{room}. Gives 0 if all went well. */
int enhance(uint8_t *rgb, uint32_t height, uint32_t width)
{{
    const struct compress_build *build = compress_build_named("{name}");
    uint32_t tall, wide;
    void *input, *output;
    int problem = -1;
    if (build == NULL || !compress_tensor_size(build, height, width, &tall, &wide))
        return -1; /* the picture is of a size that this build can't take */
    input = malloc((size_t)tall * wide * 3u * build->input.element_bytes);
    output = malloc((size_t)build->scale * tall * build->scale * wide * 3u * build->output.element_bytes);
    if (input != NULL && output != NULL && compress_fill(build, rgb, height, width, input) == 0) {{
        /* run the build here, in its runtime, from input to output */
        problem = compress_read(build, output, height, width, rgb);
    }}
    free(input);
    free(output);
    return problem;
}}
```

`malloc` is aligned enough for a runtime that copies; for one that shall use your buffer see `alignment_bytes`.
The formulas are in `contract.json` in words: they are exact, so a tensor of yours can be compared bit by bit.
"""

_MAPS = """
## What an answer means

These builds find objects: they answer with maps, of which boxes are made outside of the build. The classes, by number:
{classes}. From C, `compress_fill` of `contract.h` makes the input tensor; the output tensor `{maps}` is float32 and
read so: {after}.

`boxes.h` does just that, with nothing but a C99 compiler and its `-lm`:

```c
#include <stdio.h>
#include "boxes.h"

/* maps: the tensor as it left the build, of compress_maps_bytes(); height and width are the picture's. */
void show(const void *maps, uint32_t height, uint32_t width)
{{
    const struct compress_build *build = compress_build_named("{name}");
    const struct compress_maps *how = compress_maps_named("{name}");
    struct compress_box boxes[100];
    int i, count = compress_boxes(build, how, maps, height, width, 0.3, boxes, 100);
    for (i = 0; i < count; i++)
        printf("%s %.2f: %.0f %.0f %.0f %.0f\n", how->classes[boxes[i].label], boxes[i].score, boxes[i].left,
               boxes[i].top, boxes[i].right, boxes[i].bottom);
}}
```
"""

_GOLDEN_MAPS = """
Maps are compared as they leave the build, with the raw float32 of the frame's `maps` file (little-endian): they are
right when signal over difference, 10 log10(sum of squares expected / sum of squares of the difference), is at least
{snr:g} dB. Beside each lies what `boxes.h` should make of it: class, score, left, top, right, bottom.
"""

_GOLDEN = """
## Is it right on the device?

For each frame of `golden/golden.json`: feed its `input` to a build and compare the answer with that build's picture
among `outputs`. It is right when it is at least {psnr:g} dB PSNR from it, and no colour of a pixel is more than {codes}
codes away. The same runtime on the same kind of processor gives the same bytes; other processors order and round sums
differently, which stays far inside that; a wrong layout, colour order, scale or size does not.
"""

_GOLDEN_HEAD = """
## Is it right on the device?

For each frame of `golden/golden.json`: feed its `input` to a build and compare.
"""

_TOOLS = """
`tools/` does this without you writing code; the head of each file says how it is used:

| file | needs | does |
| --- | --- | --- |
| `tools/selftest.py` | Python 3.8, numpy, the build's runtime | golden frames through every build, on the board |
| `tools/selftest_openvino.c` | a C99 compiler, OpenVINO's C library | the same for ONNX, OpenVINO and TFLite builds |
| `tools/verify.sh` | a POSIX shell, `openssl`, `sha256sum` | is the bundle genuine |
| `tools/verify.c` | a C99 compiler, libcrypto | the same; prints the contract with `--contract` |

A verifier that came with a bundle proves nothing about it before the check above.
"""

_FREE_SIDES = """\
- free sides: tell OpenVINO the size before it compiles (`ov_model_reshape_single_input`). Version 2026.4 on a CPU,
  with sides left free, applies the first layer's scales twice before the thumbnail, and the picture comes out wrong
"""


def bundle_readme(
    title: str, reasons: Sequence[str], key_id: str, builds: Sequence[BuildContract], present: Collection[str],
    reference: Sequence[str] = (),
) -> str:  # fmt: skip
    """The text of ``README.md``; the same inputs give the same text.

    ``present``: names of the files and folders in the bundle's own folder; what is not there is not spoken of.
    ``reference``: what quality was measured against, where that was no ground truth.
    """
    listed = "".join(f"\n- {reason}" for reason in reasons)
    text = _HEAD.format(
        title=title, status="DRAFT, not for production" if reasons else "RELEASE",
        reasons=f"{listed}\n{_DRAFT}" if reasons else "", key_id=key_id, manifest=MANIFEST, signature=SIGNATURE,
        second=MODEL_SIGNATURE, unlisted="".join(f" ! -path ./{name}" for name in sorted(UNLISTED)),
    )  # fmt: skip
    text += _files(present)
    if reference:
        text += "\n## What the figures in `report/` are\n\n" + "".join(f"- {line}\n" for line in reference)
    if not builds:
        return text + "\n## Builds\n\nNone could be made.\n"
    text += _using(builds[0]) + (_TOOLS if "tools" in present else "")
    return text + "\n## Builds\n" + "".join(_describe(build) for build in builds)


def _using(build: BuildContract) -> str:
    """How ``build`` is fed and tried: for its picture, for its maps, or both."""
    contract, text, golden = build.contract, "", _GOLDEN_HEAD
    if contract.picture_end is not None:
        larger = f"; has room for {contract.scale} times that height and width" if contract.scale > 1 else ""
        text += _C.format(name=build.name, room=larger, input=contract.input.name, output=contract.output.name)
        golden = _GOLDEN.format(psnr=MIN_PSNR_DB, codes=MAX_ABS_CODES)
    if contract.maps is not None and contract.maps_end is not None:
        classes = ", ".join(f"{place} {name}" for place, name in enumerate(contract.maps.classes))
        text += _MAPS.format(classes=classes, maps=contract.maps_end.name, after=DECODING, name=build.name)
        golden += _GOLDEN_MAPS.format(snr=MIN_SNR_DB)
    return text + golden


def _files(present: Collection[str]) -> str:
    rows = [row for name, row in _PATHS.items() if name in present]
    rows.append((", ".join(f"`{name}`" for name in ("SHA256SUMS", *sorted(UNLISTED))), "digests, and what signs them"))
    table = "".join(f"| {path} | {what} |\n" for path, what in rows)
    return f"\n## What is in it\n\n| path | what |\n| --- | --- |\n{table}"


def _describe(build: BuildContract) -> str:
    size = f"{build.height}x{build.width} (height x width)" if build.height else "any height and width"
    contract = build.contract
    return (
        f"\n### {build.name}: {build.variant} for {build.runtime}\n\n"
        f"- files: {', '.join(f'`{name}`' for name in build.files)} ({build.size_bytes:,} bytes)\n"
        f"- picture: {size}, sides a multiple of {contract.size_multiple}\n"
        f"- input: {_tensor(contract.input)}\n"
        + "".join(f"- output: {_tensor(end)}\n" for end in contract.ends)
        + f"- before: {contract.preprocessing}\n- after: {contract.postprocessing}\n{_programming(build)}"
        + (_FREE_SIDES if build.runtime == "onnx" and build.variant == "int8" and not build.height else "")
    )


def _programming(build: BuildContract) -> str:
    """Formulas, buffers, memory and tiles, where the contract has them."""
    feeding, tiling = build.feeding, build.tiling
    if feeding is None or tiling is None:
        return ""
    memory = feeding.memory
    halo = "" if tiling.halo_px is None else f"halo {tiling.halo_px} px; "
    return (
        f"- codes to elements: {feeding.input.formula}\n- elements to codes: {feeding.output.formula}\n"
        f"- input buffer: {_buffer(feeding.input)}\n- output buffer: {_buffer(feeding.output)}\n"
        + (f"- maps buffer: {_buffer(feeding.maps)}\n" if feeding.maps is not None else "")
        + f"- memory: weights {_bytes(memory.weights_bytes, memory.weights_origin)}, "
        f"peak of tensors {_bytes(memory.peak_bytes, memory.peak_origin)}; {memory.note}\n"
        f"- tiles: {halo}{tiling.note}\n"
    )


def _buffer(border: Border) -> str:
    size = f"{border.bytes_per_pixel} bytes a pixel" if border.size_bytes is None else f"{border.size_bytes:,} bytes"
    return f"{size}, aligned to {border.alignment_bytes}; {border.place}"


def _bytes(count: int | None, origin: str) -> str:
    return "unknown" if count is None else f"{count:,} bytes ({origin})"


def _tensor(spec: TensorSpec) -> str:
    shape = ", ".join(str(side) if side else "?" for side in spec.shape)
    values = f"{spec.colour_order}, range {spec.low:g} to {spec.high:g}"
    text = f"`{spec.name}`, {spec.dtype} [{shape}] {spec.layout}, {values}"
    return text if spec.scale is None else f"{text}, scale {spec.scale:g}, zero-point {spec.zero_point}"
