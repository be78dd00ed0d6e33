# Serving Labs. "make" or "make help" lists the commands. GNU Make 3.81 (macOS) or newer.
#
# ONLY=02            one notebook:    make chapter ONLY=02, make notebooks ONLY=02, make labs ONLY=02
# ARGS="-k words"    more for pytest: make test ARGS="-x -k detector"
#                    and for the training: make detector ARGS="--budget-minutes 30"
#                    and the comparison:   make bench ARGS="--quick --peers bentoml,kserve"
# TORCH_INDEX=URL    take torch and torchvision (the locked versions) from this package index, one
#                    with CPU builds, and skip the lock's CUDA libraries: about 5 GB less on Linux.
#                    It counts when .venv is made: rm -rf .venv; make environment TORCH_INDEX=URL
# PYTHON=path        the Python 3.11 to make .venv with, where python3.11 is not on PATH

SHELL := /bin/sh
VENV := .venv
READY := $(VENV)/.ready
# Every command runs with the project's settings: no telemetry, nothing written into the home.
RUN := $(VENV)/bin/python -m services
NOTEBOOKS := $(RUN) python -m services.workbench.notebooks
ONLY_OPTION = $(if $(ONLY),--only $(ONLY))

.DEFAULT_GOAL := help
.PHONY: help environment preflight chapter test verify nightly system jupyter notebooks labs detector container bench mlserver-env lock clean

# $(call stage,NAME,COMMAND) runs a command, says how long it took, and fails if the command did.
define stage
@start=$$(date +%s); status=0; { $(2); } || status=$$?; \
	echo "-- $(1): $$(($$(date +%s) - start)) s"; exit $$status
endef

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables (ONLY=02, TORCH_INDEX=URL, ...) are explained at the top of the Makefile.'

environment: $(READY) ## create .venv (Python 3.11, the locked packages), or bring it up to date
	@echo '.venv is ready'

$(READY): requirements.txt pyproject.toml
	@found=; for python in "$(PYTHON)" python3.11 python3; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'Python 3.11 is needed and was not found on PATH. Install it:'; \
		echo '  Debian, Ubuntu: apt-get install python3.11 python3.11-venv'; \
		echo '  macOS:          brew install python@3.11'; \
		echo '  anywhere:       conda env create -f environment.yml, or make PYTHON=/path/to/python3.11'; \
		exit 1; \
	fi; \
	"$$found" -m services.workbench.preflight --hard || exit 1; \
	echo 'preparing .venv (the first time: minutes, and about 8 GB with the default torch)'; \
	start=$$(date +%s); \
	"$$found" -m services.workbench.install $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)") || exit 1; \
	touch $(READY); \
	echo "-- environment: $$(($$(date +%s) - start)) s"

preflight: $(READY) ## say what this machine has, what it lacks, and the remedy
	@$(RUN) python -m services.workbench.preflight

chapter: $(READY) ## execute the notebooks in order into build/chapter
	$(call stage,chapter,$(NOTEBOOKS) chapter $(ONLY_OPTION))

test: $(READY) ## lint, types, and every test that needs no system package
	$(call stage,ruff,$(RUN) ruff check --quiet . && $(RUN) ruff format --check --quiet .)
	$(call stage,mypy,$(RUN) mypy --no-error-summary)
	$(call stage,pytest,$(RUN) pytest -q -m "not system and not nightly" $(ARGS))

verify: system ## the tests that need Debian packages; there, NOT RUN is a failure
	$(call stage,pytest -m system,SERVING_LABS_STRICT=1 $(RUN) pytest -q -m system $(ARGS))

nightly: $(READY) ## the tests that are too long for every change
	$(call stage,pytest -m nightly,$(RUN) pytest -q -m nightly $(ARGS) || [ $$? -eq 5 ])

system: $(READY) ## install the Debian packages of make verify, where root and apt-get are there
	$(call stage,system,sh infra/install-debian-packages.sh)

jupyter: $(READY) ## open the notebooks in JupyterLab
	@JUPYTER_CONFIG_PATH=$(CURDIR)/infra/jupyter $(RUN) jupyter lab

notebooks: $(READY) ## text sources to executed, normalised notebooks, the ones people read
	$(call stage,notebooks,$(NOTEBOOKS) build $(ONLY_OPTION))

labs: $(READY) ## solutions/ to solved notebooks and to the labs that learners get
	$(call stage,labs,$(RUN) python -m labs.making $(ONLY_OPTION))

detector: $(READY) ## train the detector on drawn scenes; hours, goes on where it was stopped
	$(call stage,detector,$(RUN) python -m services.id_card.train $(ARGS))

container: $(READY) ## the detector's Bento as a container image (docker, podman or buildah)
	$(call stage,container,$(RUN) python -m services.id_card.bento container)

mlserver-env: $(READY) ## MLServer in an environment of its own, build/mlserver (700 MB)
	$(call stage,mlserver-env,$(RUN) python -m services.workbench.mlserver)

bench: $(READY) ## measure the servers against each other; about five minutes
	$(call stage,bench,$(RUN) python -m services.bench $(ARGS))

lock: $(READY) ## compile requirements.txt from pyproject.toml for Linux, macOS and Windows
	@$(RUN) uv pip compile --quiet --universal --no-emit-index-url --python-version 3.11 \
		--all-extras --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	@$(RUN) python -m services.id_card.bento requirements
	@$(RUN) python -m services.workbench.tracking --lock
	@$(RUN) python -m services.recommender.bento requirements
	@$(RUN) uv pip compile --quiet --universal --no-emit-index-url --python-version 3.11 \
		--custom-compile-command "make lock" infra/mlserver/requirements.in \
		-o infra/mlserver/requirements.txt
	@$(RUN) python -m services.workbench.kserve_image requirements

clean: ## remove build/, everything generated
	@rm -rf build
	@echo 'build/ is gone. The environment is still here: rm -rf $(VENV)'
