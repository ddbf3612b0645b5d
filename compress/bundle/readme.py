"""The README of a bundle, for the engineer who puts a build on the device."""

from __future__ import annotations

from collections.abc import Sequence

from compress.bundle.contract import BuildContract
from compress.bundle.manifest import MANIFEST, MODEL_SIGNATURE, SIGNATURE
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
find . ! -type d ! -path ./SHA256SUMS ! -path ./{manifest} ! -path ./{signature} ! -path ./{second} \\
  ! -path ./public.pem \\
  | cut -c3- | LC_ALL=C sort | diff - <(cut -c67- SHA256SUMS | LC_ALL=C sort)
```

Or all of it, strictly, with the tool (keep `public.pem` outside this folder):

    compress verify THIS_FOLDER --key public.pem

Or with the standard tool of OpenSSF Model Signing (`pip install model-signing==1.1.1 pyOpenSSL`), which checks every
file but not for empty folders:

    model_signing verify key --public_key public.pem --signature {second} --no-ignore-git-paths .
"""

_FILES = """
## What is in it

| path | what |
| --- | --- |
| `builds/` | the files to deploy |
| `contract.json` | how to feed them: names, shapes, types, ranges, colour order, size multiple |
| `quantization.json` | every trained scale and zero-point |
| `golden/` | pictures with the answer each build must give, and the tolerance (`golden.json`) |
| `report/` | what was measured, and the verdict: `report.html` or `report.md` to read, JSON to parse, crops |
| `provenance.json` | which recipe, target, data, code and artefacts this came from |
| `{manifest}`, `{signature}`, `SHA256SUMS` | digests of all files and the signature over them |
| `{second}` | the same files signed once more, after OpenSSF Model Signing |
"""


def bundle_readme(title: str, reasons: Sequence[str], key_id: str, builds: Sequence[BuildContract]) -> str:
    """The text of ``README.md``; the same inputs give the same text."""
    listed = "".join(f"\n- {reason}" for reason in reasons)
    text = _HEAD.format(
        title=title,
        status="DRAFT, not for production" if reasons else "RELEASE",
        reasons=f"{listed}\n" if reasons else "",
        key_id=key_id,
        manifest=MANIFEST,
        signature=SIGNATURE,
        second=MODEL_SIGNATURE,
    )
    text += _FILES.format(manifest=MANIFEST, signature=SIGNATURE, second=MODEL_SIGNATURE) + "\n## Builds\n"
    return text + "".join(_describe(build) for build in builds) if builds else text + "\nNone could be made.\n"


def _describe(build: BuildContract) -> str:
    size = f"{build.height}x{build.width} (height x width)" if build.height else "any height and width"
    contract = build.contract
    return (
        f"\n### {build.name}: {build.variant} for {build.runtime}\n\n"
        f"- files: {', '.join(f'`{name}`' for name in build.files)} ({build.size_bytes:,} bytes)\n"
        f"- picture: {size}, sides a multiple of {contract.size_multiple}\n"
        f"- input: {_tensor(contract.input)}\n- output: {_tensor(contract.output)}\n"
        f"- before: {contract.preprocessing}\n- after: {contract.postprocessing}\n"
    )


def _tensor(spec: TensorSpec) -> str:
    shape = ", ".join(str(side) if side else "?" for side in spec.shape)
    values = f"{spec.colour_order}, range {spec.low:g} to {spec.high:g}"
    text = f"`{spec.name}`, {spec.dtype} [{shape}] {spec.layout}, {values}"
    return text if spec.scale is None else f"{text}, scale {spec.scale:g}, zero-point {spec.zero_point}"
