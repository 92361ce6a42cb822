# `make demo` and `make test` need Python 3.11 or newer, make and a package index; everything else is set up in .venv.
PYTHON ?= python3
CORES ?= all
FUZZ_S ?= 3600
FUZZ_SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CRATE_READY := .venv-crate/.ready
DOCS_READY := .venv-docs/.ready
SLURM := .venv-slurm
CODE := workflow_scripts tests benchmarks docs/site setup.py
SMK := Snakefile rules/*.smk

.DEFAULT_GOAL := help
.PHONY: help demo people people-data test test-faults test-slurm reproduce soak fuzz-media check docs setup lock lock-docs clean

help:  ## show this list
	@echo "Targets of make:"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'
	@echo "Targets of the workflow, as in: $(BIN)/snakemake --configfile my.yaml -c8 TARGET"
	@printf '%s\n' \
	  'all|everything (the default)' \
	  'manifest|check the corpus and write its table, run nothing' \
	  'features|every per-clip feature, no training' \
	  'fine_tuned|AlexNet fine-tuned on FER2013, alone' \
	  'expression_network|the expression network, alone' \
	  'audio_only|the audio systems, with metrics and a report of their own' \
	  'video_only|the video systems, likewise' \
	  'metrics|metrics.json and the score tables, no page' \
	  'page|the report and what it needs' | sed 's/^/  /' | column -t -s '|'

demo: $(READY)  ## render the synthetic demo corpus, run the whole workflow on it, show where the report is
	$(BIN)/snakemake -s rules/demo.smk -c $(CORES) --workflow-profile profiles/default
	$(BIN)/snakemake --configfile examples/demo.yaml -c $(CORES)
	@$(BIN)/emotiw results results/demo

people-data: $(READY)  ## fetch the free corpora of the bundle for people into data/; add data/fer2013.csv and data/fer2013new.csv yourself
	$(BIN)/snakemake -s rules/fetch.smk -c $(CORES) --workflow-profile none ravdess --config folder=data/RAVDESS
	$(BIN)/snakemake -s rules/fetch.smk -c $(CORES) --workflow-profile none crema_d --config folder=data/CREMA-D
	$(BIN)/snakemake -s rules/fetch.smk -c $(CORES) --workflow-profile none nemo --config folder=data/nEMO
	$(BIN)/snakemake -s rules/fetch.smk -c $(CORES) --workflow-profile none javanese --config folder=data/javanese

people: $(READY)  ## train the bundle for people on the corpora in data/; hours with all of them
	$(BIN)/snakemake --configfile examples/people.yaml -c $(CORES) results/people/bundle

test: $(READY) $(CRATE_READY) check  ## set up, check the style and pass every test
	$(BIN)/python -m pytest -n 2 --dist loadscope --cov --cov-report=term --cov-fail-under=95
	@echo "All tests passed; coverage of the library is printed above."

reproduce: $(READY)  ## run the demo twice, otherwise, and compare every artefact; takes half an hour
	$(BIN)/python tests/reproduce.py results/reproduce

test-faults: $(READY)  ## pass the tests that docs/faults.md names, but for those on Slurm
	$(BIN)/python -m pytest -n 2 --dist loadscope $$(grep -oE '[a-z0-9_/]+\.py::[A-Za-z0-9_]+(\[[^]]+\])?' docs/faults.md | grep -v test_slurm | sort -u | sed 's|^|tests/|')

soak: $(READY)  ## run 2,000 tiny clips, a fifth of them defective, undisturbed and under random kills; takes an hour or more
	$(BIN)/python tests/soak.py results/soak

fuzz-media: $(READY)  ## damage clips of eleven containers for FUZZ_S seconds (an hour), from seed FUZZ_SEED on, and count what becomes of them
	$(BIN)/python tests/media_mutants.py results/fuzz $(FUZZ_S) $(FUZZ_SEED)

test-slurm: $(SLURM)  ## run the workflow on a Slurm cluster of one node and kill everything once; needs root and Debian
	$(SLURM)/bin/python -m pytest -v tests/workflow/test_slurm.py

check: $(READY)  ## formatting, linting and types
	$(BIN)/ruff format --check --quiet $(CODE)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/snakefmt --check $(SMK)
	$(BIN)/mypy
	$(BIN)/codespell $(CODE) docs *.md *.yaml *.toml rules schemas examples presets envs

docs: $(DOCS_READY)  ## build the documents into build/docs; a broken link or reference is an error
	.venv-docs/bin/mkdocs build
	@echo "Open build/docs/index.html."

setup: $(READY)  ## make .venv with the exact versions of requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "emotiw needs Python 3.11 or newer; set PYTHON=... for make")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^pip==' requirements.lock)"
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# the validator of run crates wants other versions of packages that the workflow needs
$(CRATE_READY): requirements-crate.lock
	$(PYTHON) -m venv .venv-crate
	.venv-crate/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-crate.lock
	@touch $@

# builds from the sources of the library, which it neither installs nor imports
$(DOCS_READY): requirements-docs.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock
	@touch $@

$(SLURM): requirements-slurm.txt $(READY)  ## make .venv-slurm: .venv, and the Slurm plugin, which would slow down every other start
	$(BIN)/python -m venv --clear $(SLURM)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' > "$$(echo $(SLURM)/lib/python*/site-packages)/main.pth"
	$(SLURM)/bin/python -m pip install --quiet --no-deps --disable-pip-version-check -r $<
	@touch $@

lock: requirements.in  ## resolve requirements.in into requirements.lock with the newest versions
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet -r requirements.in
	.venv-lock/bin/python -m pip freeze --all | sed -E 's/\+[a-z0-9.]+$$//' > requirements.lock
	rm -rf .venv-lock

lock-docs: requirements-docs.in  ## resolve requirements-docs.in into requirements-docs.lock with the newest versions
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet -r requirements-docs.in
	.venv-lock/bin/python -m pip freeze --all | grep -v '^\(pip\|setuptools\)==' > requirements-docs.lock
	rm -rf .venv-lock

clean:  ## remove the results of the demo
	rm -rf results/demo results/demo_corpus
