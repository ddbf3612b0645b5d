#!/bin/sh
# Makes FOLDER/python: CPython for 64-bit Arm under qemu's user emulation, with the runner's aarch64 wheels (about 250 MB).
#
#   scripts/arm64_python.sh FOLDER && COMPRESS_TEST_ARM64=FOLDER/python python -m pytest tests/devices/test_emulated_arm.py
#
# Needs Debian (apt, dpkg), pip and unzip; installs nothing into the system. Emulated time is no figure: only answers count.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
repo=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
cd "$1"
here=$(pwd)
mkdir -p debs lists/partial qemu root wheels site
(cd debs && apt-get -q download qemu-user-static && dpkg -x qemu-user-static_*.deb ../qemu && rm qemu-user-static_*.deb)

arm="-oAPT::Architecture=arm64 -oAPT::Architectures::=arm64 -oDir::State::Lists=$here/lists -oDir::State::status=/dev/null"
arm="$arm -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache="
# shellcheck disable=SC2086  # words
apt-get -q $arm update
# shellcheck disable=SC2086
(cd debs && apt-get -q $arm download libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libssl3 libffi8 libbz2-1.0 liblzma5 \
  libcrypt1 libuuid1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib)
for package in debs/*.deb; do dpkg -x "$package" root; done

# ONNX Runtime reads the processor's description and ends with a segmentation fault on that of an x86 machine.
mkdir -p root/proc root/sys/devices/system/cpu
for cpu in 0 1; do
  printf 'processor\t: %d\nBogoMIPS\t: 16.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n' "$cpu"
  printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd03\nCPU revision\t: 4\n\n'
done > root/proc/cpuinfo
for name in possible present online; do echo 0-1 > "root/sys/devices/system/cpu/$name"; done

for name in numpy onnxruntime ai-edge-litert flatbuffers; do
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 -d wheels \
    --platform manylinux2014_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
    "$(grep "^$name==" "$repo/constraints.txt")"
done
for wheel in wheels/*.whl; do unzip -q -o "$wheel" -d site; done

cat > python <<END
#!/bin/sh
QEMU_CPU=cortex-a53 PYTHONPATH='$here/site' exec '$here/qemu/usr/bin/qemu-aarch64-static' -L '$here/root' \\
  '$here/root/usr/bin/python3.11' "\$@"
END
chmod +x python
./python -c 'import platform, onnxruntime; print(platform.machine(), onnxruntime.__version__)'
