# Serving Labs. "make" or "make help" lists the commands. GNU Make 3.81 (macOS) or newer.
#
# ONLY=02            one notebook:    make chapter ONLY=02, make notebooks ONLY=02, make labs ONLY=02
# PARAMS="a=1 b=x"   its parameters:  make chapter ONLY=01 PARAMS="image_name=one_card"
# ARGS="-k words"    more for pytest: make test ARGS="-x -k detector"
#                    one worker:      make test ARGS="-n 0 --pdb"
#                    and for the training: make detector ARGS="--budget-minutes 30"
#                    and the comparison:   make bench ARGS="--quick --peers bentoml,kserve"
#                    and the soak test:    make soak ARGS="--minutes 2"
# TORCH=cpu TORCH_INDEX=URL
#                    take torch and torchvision (the locked versions) from this package index, one
#                    with CPU builds (PyTorch's own is on pytorch.org's get-started page), and skip
#                    the lock's CUDA libraries: about 5 GB less on Linux. It counts when .venv is
#                    made: rm -rf .venv; make environment TORCH=cpu TORCH_INDEX=URL
# PYTHON=path        the Python 3.11 to make .venv with, where neither PATH nor uv has one

SHELL := /bin/sh
# Some images forbid Python to keep compiled modules; each server would compile MLflow again.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
READY := $(VENV)/.ready
# Two tests at a time: servers and notebooks mostly wait. A file's tests stay together.
WORKERS := -n 2 --dist loadgroup
# Of the tests of make verify, those that start containers, limit memory or measure time run alone.
ALONE := $(addprefix tests/,infra services labs/test_grading.py \
	e2e/test_container.py e2e/test_kserve_image.py e2e/test_mlflow_container.py)
# Every command runs with the project's settings: no telemetry, nothing written into the home.
RUN := $(VENV)/bin/python -m services
NOTEBOOKS := $(RUN) python -m services.workbench.notebooks
JUPYTER = JUPYTER_CONFIG_PATH="$(CURDIR)/infra/jupyter" $(RUN) jupyter lab
# The lab's number as its folder has it: 03, also for N=3.
LAB = lab$(if $(filter 0 1 2 3 4 5 6 7 8 9,$(N)),0)$(N)
ONLY_OPTION = $(if $(ONLY),--only $(ONLY))
PARAMS_OPTION = $(if $(PARAMS),--params "$(PARAMS)")

.DEFAULT_GOAL := help
.PHONY: help environment preflight chapter test verify nightly system lab status jupyter notebooks registers labs new-lab detector loop container bench soak mlserver-env readme site lock clean

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
	@if [ "$(TORCH)" = cpu ] && [ -z "$(TORCH_INDEX)" ]; then \
		echo "TORCH=cpu also needs TORCH_INDEX=URL: PyTorch's CPU index, named on pytorch.org's get-started page"; \
		exit 1; \
	fi; \
	managed=$$(uv python find --no-python-downloads 3.11 2>/dev/null); \
	found=; for python in "$(PYTHON)" python3.11 python3 "$$managed"; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'Python 3.11 is needed and was not found on PATH. Install it:'; \
		echo '  anywhere:  uv python install 3.11, then make again (uv: docs.astral.sh/uv)'; \
		echo '  Debian 12: apt-get install python3.11 python3.11-venv'; \
		echo '  macOS:     brew install python@3.11'; \
		echo '  conda:     conda create -n python311 -c conda-forge python=3.11, activate it, then make again; or make PYTHON=/path/to/python3.11'; \
		exit 1; \
	fi; \
	"$$found" -m services.setup.preflight --hard || exit 1; \
	echo 'preparing .venv: minutes the first time, and about 8 GB with the default torch (README, Installing)'; \
	start=$$(date +%s); \
	"$$found" -m services.setup.install $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)") || exit 1; \
	touch $(READY); \
	echo "-- environment: $$(($$(date +%s) - start)) s"

preflight: $(READY) ## say what this machine has, what it lacks, and the remedy
	@$(RUN) python -m services.setup.preflight

chapter: $(READY) ## execute the notebooks into build/chapter, two at a time
	$(call stage,chapter,$(NOTEBOOKS) chapter $(ONLY_OPTION) $(PARAMS_OPTION))

test: $(READY) ## lint, types, and every test that needs no system package
	$(call stage,ruff,$(RUN) ruff check --quiet . && $(RUN) ruff format --check --quiet .)
	$(call stage,mypy,$(RUN) mypy --no-error-summary)
	$(call stage,import-linter,said=$$($(RUN) lint-imports --no-logo) || { echo "$$said"; false; })
	$(call stage,pytest,$(RUN) pytest -q $(WORKERS) -m "not system and not nightly" $(ARGS))

verify: system ## the tests that need Debian packages; there, NOT RUN is a failure
	$(call stage,pytest -m system,SERVING_LABS_STRICT=1 $(RUN) pytest -q $(WORKERS) --no-loadscope-reorder -m system $(addprefix --ignore ,$(ALONE)) $(ARGS) || [ $$? -eq 5 ])
	$(call stage,pytest alone,SERVING_LABS_STRICT=1 $(RUN) pytest -q -m system $(ALONE) $(ARGS) || [ $$? -eq 5 ])

nightly: $(READY) ## the tests that are too long for every change
	$(call stage,pytest -m nightly,$(RUN) pytest -q -m nightly $(ARGS) || [ $$? -eq 5 ])

system: $(READY) ## install the Debian packages that make verify needs (as root, with apt-get)
	$(call stage,system,sh infra/install-debian-packages.sh)

lab: $(READY) ## your own copy of a lab, opened in JupyterLab: make lab N=03
	@[ -n "$(N)" ] || { echo 'which lab? for example: make lab N=03'; exit 2; }
	@$(RUN) python -m labs start "$(N)"
	@$(JUPYTER) work/$(LAB)_*/$(LAB)_*.ipynb

status: $(READY) ## your points so far, and the next exercise
	@$(RUN) python -m labs status

jupyter: $(READY) ## open JupyterLab on the START page: the path, your progress, what is next
	@$(JUPYTER)

notebooks: $(READY) ## text sources to executed, normalised notebooks, the ones people read
	$(call stage,notebooks,$(NOTEBOOKS) build $(ONLY_OPTION))

registers: $(READY) ## ERRATA.md and CHAPTER.md, from the notebooks' text sources
	@$(NOTEBOOKS) registers

labs: $(READY) ## solutions/ to solved notebooks and to the labs that learners get
	$(call stage,labs,$(RUN) python -m labs.build $(ONLY_OPTION))

new-lab: $(READY) ## scaffold an exercise: make new-lab N=16 NAME=my_lab
	@$(RUN) python -m labs.build.scaffold "$(N)" "$(NAME)"

detector: $(READY) ## train the detector on synthetic scenes; takes hours, resumes where it stopped
	$(call stage,detector,$(RUN) python -m services.id_card.training.train $(ARGS))

loop: $(READY) ## continuous learning, once: drift, retraining, canary, release, watch
	$(call stage,loop,$(RUN) python -m services.loop demo $(ARGS))

container: $(READY) ## the detector's Bento as a container image (docker, podman or buildah)
	$(call stage,container,$(RUN) python -m services.id_card.bento.build container)

mlserver-env: $(READY) ## MLServer in a separate environment, build/mlserver (700 MB)
	$(call stage,mlserver-env,$(RUN) python -m services.workbench.servers.mlserver)

bench: $(READY) ## measure the servers against each other; five to ten minutes
	$(call stage,bench,$(RUN) python -m services.bench $(ARGS))

soak: $(READY) ## ten minutes of load while things go wrong; the table goes to docs/soak.md
	$(call stage,soak,$(RUN) python -m services.workbench.soak $(ARGS))

readme: $(READY) ## the README's numbers; with ARGS=--pictures its pictures, too
	$(call stage,readme,$(RUN) python -m services.workbench.front_page $(ARGS))

site: $(READY) ## everything as a website that works offline, in build/site/; about a minute
	$(call stage,site,$(RUN) python -m services.workbench.site)

lock: $(READY) ## compile requirements.txt from pyproject.toml for Linux, macOS and Windows
	@$(RUN) uv pip compile --quiet --universal --no-emit-index-url --python-version 3.11 \
		--all-extras --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	@$(RUN) python -m services.id_card.bento.build requirements
	@$(RUN) python -m services.workbench.servers.tracking --lock
	@$(RUN) python -m services.recommender.bento.build requirements
	@for folder in infra/mlserver infra/schemathesis infra/site; do \
		$(RUN) uv pip compile --quiet --universal --no-emit-index-url --python-version 3.11 \
			--custom-compile-command "make lock" $$folder/requirements.in \
			-o $$folder/requirements.txt || exit 1; \
	done
	@$(RUN) python -m services.id_card.kserve.image requirements

clean: ## remove build/, everything generated
	@rm -rf build
	@echo 'build/ is gone. The environment is still here: rm -rf $(VENV)'
