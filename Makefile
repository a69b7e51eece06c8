# GNU make 3.81, which macOS ships, is enough for this file.
SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# No target benefits from make's own parallelism, and "make -j clean report" must keep its order.
.NOTPARALLEL:

KNOWN := $(patsubst params/%.yaml,%,$(wildcard params/*.yaml))
UV ?= $(or $(wildcard .venv/bin/uv),uv)

# What these hold is text: make must not expand a $(shell ...) in it, and recipes take it from the environment.
TEXTS := STUDY NAME IMAGES NORMAL OUT DETECTOR THRESHOLD FDR FOLDER CRATE SWEEP SCHEDULER RESULTS STUDIES
$(foreach name,$(TEXTS),$(if $(filter-out undefined,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))
export $(TEXTS)

# A .venv built for a GPU is used until GPU=0 or make clean-all.
GPU ?= $(if $(wildcard .venv/.ok-gpu),1,0)
ifeq ($(GPU),1)
LOCK := requirements-gpu.lock
STAMP := .venv/.ok-gpu
else
LOCK := requirements.lock
STAMP := .venv/.ok
endif
PY := .venv/bin/python
# What only sweeps, only JupyterLab, and only tests and lint need, is added when it is asked for.
SWEEPS := .venv/.ok-sweep
LAB := .venv/.ok-lab
TESTS := .venv/.ok-test

# A .venv whose folder was moved, or whose interpreter is missing, is built again, whatever the stamp's date.
ifneq ($(wildcard $(STAMP)),)
# Python compares the folders, since the name of one may hold quotes.
INTACT := $(shell $(PY) -c 'import json, os; assert json.load(open("$(STAMP)", encoding="utf-8"))["folder"] == os.getcwd()' \
    2>/dev/null && echo yes)
endif

# Said at once, not after the environment is built.
ifneq ($(filter study,$(MAKECMDGOALS)),)
ifeq ($(and $(NAME),$(IMAGES)),)
$(error make study needs NAME and IMAGES, such as make study NAME=parts IMAGES=/data/parts)
endif
endif
ifneq ($(filter score,$(MAKECMDGOALS)),)
ifeq ($(and $(STUDY),$(IMAGES)),)
$(error make score needs STUDY and IMAGES, such as make score STUDY=parts IMAGES=/data/new)
endif
endif
ifneq ($(filter deliver,$(MAKECMDGOALS)),)
ifeq ($(STUDY),)
$(error make deliver needs STUDY, such as make deliver STUDY=digits)
endif
endif
ifneq ($(filter compare,$(MAKECMDGOALS)),)
ifneq ($(words $(STUDIES)),2)
$(error make compare needs STUDIES, the names of two studies, such as make compare STUDIES="airplanes airplanes_holdout")
endif
endif

ifneq ($(filter sweep,$(MAKECMDGOALS)),)
ifeq ($(SWEEP),)
$(error make sweep needs SWEEP, such as make sweep SWEEP=params/sweeps/digits.yaml)
endif
endif

ifneq ($(filter reproduce,$(MAKECMDGOALS)),)
ifeq ($(or $(STUDY),$(CRATE)),)
$(error make reproduce needs STUDY or CRATE, such as make reproduce STUDY=digits or make reproduce CRATE=digits.zip)
endif
ifneq ($(and $(STUDY),$(CRATE)),)
$(error make reproduce takes STUDY or CRATE, not both)
endif
endif

.PHONY: help report study score verify reproduce deliver compare sweep synthetic solar lab test check lock clean clean-cache clean-all FORCE

##@ Report
report: $(STAMP) ## pages and PDF of a study into reports/: make report STUDY=digits
	@$(PY) -m lib report $${STUDY:+"$$STUDY"}

# A report as a file: make reports/digits/report.pdf. lib/report/uptodate.py decides whether it is up to date.
reports/%/report.pdf: FORCE | $(STAMP)
	@$(PY) -m lib report '$(subst ','\'',$*)'

study: $(STAMP) ## a parameter file for your own images: make study NAME=parts IMAGES=folder NORMAL=good
	@$(PY) -m lib study "$$NAME" "$$IMAGES" $${NORMAL:+--normal "$$NORMAL"}

score: $(if $(SCHEDULER),$(SWEEPS),$(STAMP)) ## new images by a study's detector: make score STUDY=parts IMAGES=folder OUT=scores.csv
	@$(PY) -m lib score "$$STUDY" "$$IMAGES" $${OUT:+--out "$$OUT"} $${DETECTOR:+--detector "$$DETECTOR"} \
	    $${THRESHOLD:+--threshold="$$THRESHOLD"} $${FDR:+--fdr "$$FDR"} \
	    $${SCHEDULER:+--scheduler "$$SCHEDULER"} || [ $$? -eq 1 ]

verify: $(STAMP) ## compare every number of a finished report with its scores: make verify STUDY=digits
	@$(PY) -m lib verify "$${STUDY:-digits}"

reproduce: $(STAMP) ## run a finished report again and compare every figure: make reproduce STUDY=digits, or CRATE=x.zip
	@$(PY) -m lib reproduce $${STUDY:+"$$STUDY"} $${CRATE:+--crate "$$CRATE"} $${IMAGES:+--images "$$IMAGES"} \
	    $${OUT:+--out "$$OUT"}

deliver: $(STAMP) ## one zip of a study to hand over: make deliver STUDY=digits (OUT=file.zip)
	@$(PY) -m lib deliver "$$STUDY" $${OUT:+--out "$$OUT"}

compare: $(STAMP) ## one page that compares two reports: make compare STUDIES="airplanes airplanes_holdout"
	@set -f; $(PY) -m lib compare -- $$STUDIES

sweep: $(SWEEPS) ## many studies at once and one leaderboard: make sweep SWEEP=params/sweeps/digits.yaml (SCHEDULER=tcp://... RESULTS=s3://...)
	@$(PY) -m lib sweep "$$SWEEP" $${SCHEDULER:+--scheduler "$$SCHEDULER"} $${RESULTS:+--results "$$RESULTS"} \
	    || [ $$? -eq 1 ]

synthetic: $(STAMP) ## draw defects on photographs of bricks, to try all this: into .data/bricks, or FOLDER=...
	@$(PY) -m lib synthetic "$${FOLDER:-.data/bricks}"

solar: $(STAMP) ## real defects: fetch photographs of solar cells (91 MB, not for commercial use) and report on them
	@$(PY) -m lib solar
	@$(PY) -m lib report solar_cells

lab: $(LAB) ## JupyterLab; notebooks/*.py open as notebooks on a click
	@JUPYTER_CONFIG_PATH="$$(pwd)/.ci/jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
	    $(PY) -m jupyterlab $$([ "$$(id -u)" -ne 0 ] || echo --allow-root) $(LAB_ARGS)

##@ Check
test: $(TESTS) ## every test that needs neither Caltech101 nor the network; PYTEST_ARGS="-k scores" narrows
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not caltech101 and not registry" $(PYTEST_ARGS)

check: $(TESTS) ## lint and formatting
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

##@ House-keeping
lock: ## renew the locks and environment.yml (needs uv); UPGRADE=1 takes the newest versions
	@command -v "$(UV)" >/dev/null || { echo "make: uv is needed to renew the locks: pip install uv" >&2; exit 1; }
	@"$(UV)" run --quiet --no-project --with packaging python .ci/lock.py "$(UV)" $(if $(UPGRADE),--upgrade)

clean: ## remove rendered pages and the .ipynb beside the notebooks; fits and data stay
	rm -rf reports/*/ notebooks/*.ipynb notebooks/.ipynb_checkpoints

clean-cache: ## remove fitted detectors, scores, prepared images and drafts (.cache); prints the size
	@if [ -d .cache ]; then { du -sk .cache; du -sk .cache/*/ 2>/dev/null; } | awk 'NR == 1 { all = $$1; next } \
	    { sub("^.*cache/", "", $$2); sub("/$$", "", $$2); parts = parts sprintf("%s %s %.1f MB", parts ? "," : "", $$2, $$1 / 1024) } \
	    END { printf "clean-cache: frees %.1f MB:%s\n", all / 1024, parts }'; \
	else echo "clean-cache: nothing to free, there is no .cache"; fi
	@rm -rf .cache

clean-all: clean clean-cache ## all of this and .venv; a downloaded data set stays
	rm -rf .venv .pytest_cache .ruff_cache *.egg-info
	find lib tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): $(LOCK) pyproject.toml .ci/venv.py $(if $(INTACT),,FORCE)
	@python=$$(sh .ci/find_python.sh "$(PYTHON)") && exec "$$python" .ci/venv.py $(LOCK) $(STAMP)

$(SWEEPS): requirements-sweep.lock $(STAMP)
	@exec $(PY) .ci/venv.py $< $@ $(STAMP)

$(LAB): requirements-lab.lock $(SWEEPS)
	@exec $(PY) .ci/venv.py $< $@ $(SWEEPS)

$(TESTS): requirements-test.lock $(LAB)
	@exec $(PY) .ci/venv.py $< $@ $(LAB)

FORCE:

help: ## this text
	@echo "Anomaly detection in images: parameterised notebook reports"
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Studies: $(KNOWN)"
	@echo "Python: the first of python3.12, python3.11, python3 that is 3.11 or 3.12; make PYTHON=... names another"
	@echo "GPU=1: TensorFlow with CUDA on x86_64 Linux (not tested by this project's CI)"
