# make demo    the main job on the embedded pictures: table, verdict, signed bundle
# make test    the tests           make lint    ruff and mypy
# make toolchains    environments of the TFLite, RKNN and TensorRT converters, for their builds and tests
# make bench   the measurements    make clean   removes environment and caches, keeps artifacts/
# make bench-lowlight   classical methods, teacher, students over seeds with their controls, hours; it goes on where it
#              was stopped. LOWLIGHT="--root LOL --recipes kd_int8 --seeds 0" says otherwise (benchmarks/low_light.py)
# make bench-isp   ISP-CNN without pairs, its ablation and its student on LOL's eval15, hours; goes on (benchmarks/isp_cnn.py)
# make bench-kill   200 runs killed and otherwise disturbed, and finished: half an hour (benchmarks/kill_anywhere.py big_data.py)
# make bench-data   sets of 1,000 and 100,000 pairs: opening, memory, reading (benchmarks/big_data.py), a quarter of an hour
# make peers   environment of Olive, which make bench compares with (1.3 GB); without it, its rows say that it lacks
#
# Each makes its own environment in .venv the first time. On a machine that would get a CUDA build of torch,
# PIP_INDEX_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" gets the small CPU build instead.

SHELL := /bin/bash
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
PIP_INDEX_ARGS ?=
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_INDEX_ARGS)

.PHONY: demo test lint bench bench-lowlight bench-isp bench-night bench-sr bench-kill bench-data peers toolchains clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/compress run recipe=kd_int8 target=x86_edge

test: $(READY)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

toolchains: $(READY)
	PIP_INDEX_ARGS="$(PIP_INDEX_ARGS)" $(BIN)/compress setup tflite rknn tensorrt

# What takes long, one target each below; trainings go on where they were stopped.
LONG := $(addprefix benchmarks/,low_light.py isp_cnn.py night.py real_sr.py real_sr_camera.py kill_anywhere.py big_data.py)
SHARED := ../shared/data

bench: $(READY)
	@set -e; for script in benchmarks/*.py; do \
	  [ -e "$$script" ] || { echo "no benchmarks yet"; exit 0; }; \
	  case " $(LONG) " in *" $$script "*) continue;; esac; \
	  echo "== $$script"; $(BIN)/python "$$script"; done

LOWLIGHT ?= $(if $(wildcard $(SHARED)/lol_v1),--root $(SHARED)/lol_v1)

bench-lowlight: $(READY)
	$(BIN)/python benchmarks/low_light.py $(LOWLIGHT)

bench-isp: $(READY)
	$(BIN)/python benchmarks/isp_cnn.py $(LOWLIGHT)

bench-night: $(READY)
	$(BIN)/python benchmarks/night.py $(if $(wildcard $(SHARED)/detection/vehicles),--root $(SHARED)/detection/vehicles)

bench-sr: $(READY)
	$(BIN)/python benchmarks/real_sr.py $(if $(wildcard $(SHARED)/sr),--root $(SHARED)/sr)
	$(BIN)/python benchmarks/real_sr_camera.py

bench-kill: $(READY)
	$(BIN)/python benchmarks/kill_anywhere.py --json benchmarks/results/kill_anywhere.json

bench-data: $(READY)
	$(BIN)/python benchmarks/big_data.py

peers: $(READY)
	PIP_INDEX_ARGS="$(PIP_INDEX_ARGS)" $(BIN)/python benchmarks/peers.py --setup

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The torch pin and the constraints go into every pip call: without them a later call may swap the CPU build.
$(READY): pyproject.toml constraints.txt
	@for python in python3.11 python3.12 python3.13 python3 python; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    found="$$python"; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "error: no Python 3.11 or newer (with venv) found; install one, for instance: apt install python3 python3-venv" >&2; \
	  exit 2; fi; \
	echo "making $(VENV) with $$($$found --version), once; this fetches about 1 GB"; \
	"$$found" -m venv $(VENV)
	$(PIP_INSTALL) torch==2.13.0 -c constraints.txt
	$(PIP_INSTALL) torch==2.13.0 -c constraints.txt -e '.[dev]'
	@touch $@
