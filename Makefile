# `make` lists what can be made. On a fresh machine `make demo` and `make test` do all the set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help env demo reproduce-table plan watch power claims scorecard gpu-campaign site dashboard store-check verify speed forecast-check gpu-check slurm-here reliability test test-quick vectors fuzz breaks check format lock clean

# uv reads none of pip's settings; a folder of wheels that pip is told of is good for uv as well.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export TOKENIZERS_PARALLELISM := false
export TABLE
export METHOD
export RECORDS ?= results/runs
export ARGS
export ON
PYTHON := .venv/bin/python
N := 2000
MINUTES := 8
TORCH := 2.13.0
# The CPU-only build of that release for CPython 3.11 on Linux, smaller by the CUDA libraries.
TORCH_CPU := sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: .venv/ready ## build the environment in .venv from requirements.lock

.venv/ready: pyproject.toml requirements.lock
	@uv=$$(command -v uv) || { uv=.uv/bin/uv; test -x $$uv || { echo "installing uv in .uv"; \
	  python3 -m venv .uv && .uv/bin/python -m pip install --quiet uv; }; } && \
	echo "building .venv (the first time this downloads torch and takes a few minutes)" && \
	{ test -x $(PYTHON) || $$uv venv --quiet --python '>=3.11' .venv; } && \
	$$uv pip install --quiet --compile-bytecode --python $(PYTHON) --requirements pyproject.toml --extra dev --constraints requirements.lock
	@$(PYTHON) -c "import os, sysconfig; print(os.getcwd(), file=open(sysconfig.get_path('purelib') + '/this-checkout.pth', 'w'))"
	@touch $@

demo: .venv/ready ## NoisyTune against plain fine-tuning on the embedded tasks: a real table in minutes, offline
	@HF_HUB_OFFLINE=1 $(PYTHON) -m benchmark.reproduce demo/noisytune --args="$$ARGS"

reproduce-table: .venv/ready ## plan, run and report a table: TABLE=noisytune/table2 [ARGS="model=minilm task=rte,cola", or ARGS=--smoke]
	@$(PYTHON) -m benchmark.reproduce "$$TABLE" --args="$$ARGS"

plan: .venv/ready ## say what tables would run, and for how many hours: TABLE=noisytune/table2 [ON=h100 ARGS=…], or TABLE=all
	@$(PYTHON) -m benchmark.plan $$TABLE --on "$$ON" --args="$$ARGS"

watch: .venv/ready ## show which runs a store is getting, how far they are, and what failed, until Ctrl-C: RECORDS=results/runs [ARGS=--once]
	@$(PYTHON) -m benchmark.status "$$RECORDS" --args="$$ARGS"

power: .venv/ready ## say what a table's seeds can find at the printed effects, before any run: TABLE=noisytune/table2 [ARGS="seed=range(1,11)"]
	@$(PYTHON) -m benchmark.power "$$TABLE" --args="$$ARGS"

claims: .venv/ready ## say what the store shows about the papers' claims, one row each [ARGS="noisytune hype/table5 store=…"]
	@$(PYTHON) -m benchmark.claims --args="$$ARGS"

scorecard: .venv/ready ## run a method of your own in the campaigns, beside their committed runs: METHOD='[mine]' [ARGS=--verify]
	@$(PYTHON) -m benchmark.scorecard "$$METHOD" --args="$$ARGS"

gpu-campaign: ## make missing runs of the campaigns for so long, and pack their records: MINUTES=8 [PYTHON=python3 without .venv]
	@$(PYTHON) -m benchmark.scorecard.publish --minutes "$(MINUTES)" --args="$$ARGS"

site: .venv/ready ## write pages on all that the store holds to results/site, to open from disk or publish [ARGS="noisytune store=…"]
	@$(PYTHON) -m benchmark.site --args="$$ARGS"

dashboard: .venv/ready ## make or renew a table's workspace and report in Weights & Biases: TABLE=noisytune/table2 [ARGS="model=minilm store=…"]
	@$(PYTHON) -m benchmark.dashboard "$$TABLE" --args="$$ARGS"

store-check: .venv/ready ## verify every record of a store, and name what should not be there [ARGS="STORE --move"]
	@$(PYTHON) -m benchmark.store check --args="$$ARGS"

verify: .venv/ready ## run a sample of a store's or an archive's records again, and compare bits: RECORDS=results/runs [ARGS="--sample 5 --seed 1"]
	@$(PYTHON) -m benchmark.verify "$$RECORDS" --args="$$ARGS"

speed: .venv/ready ## time runs beside transformers.Trainer and the machine's matrix products, on the GPU where there is one; MiniLM and GLUE come from the hub or its cache [ARGS=--short: under 3 minutes]
	@$(PYTHON) -m benchmark.speed $$ARGS

forecast-check: .venv/ready ## make 15 runs on one core, and compare them with what plan says of them, in minutes [ARGS=--embedded]
	@$(PYTHON) -m benchmark.speed.forecasts --args="$$ARGS"

gpu-check: ## what only a GPU shows, in 8 minutes, into results/reference/gpu.md [PYTHON=python3 without .venv, ARGS="--stages tests,grid"]
	@$(PYTHON) -m benchmark.speed.check $$ARGS

slurm-here: .venv/ready ## start Slurm with one node on this machine until Ctrl-C, to try engine=slurm [root; packages slurm-wlm and munge]
	@PYTHONPATH=tests $(PYTHON) -m helpers.slurm

test: check ## all checks and tests, on all cores, in some 10 minutes on two; those for a GPU in processes of their own [ARGS="-k store", ARGS=tests/runs]
	CUDA_VISIBLE_DEVICES= $(PYTHON) -m pytest -n $$(($$(nproc) * 3 / 2)) --dist loadfile --no-loadscope-reorder $$ARGS
	@if $(PYTHON) -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then \
	  $(PYTHON) -m pytest -n 4 --dist loadfile tests/cuda; fi

test-quick: .venv/ready ## tests of configuration, records, methods, updates and statistics alone, in two minutes
	CUDA_VISIBLE_DEVICES= $(PYTHON) -m pytest -n $$(nproc) --dist loadfile tests/config tests/records tests/step tests/methods \
	  tests/report/numbers --ignore tests/methods/test_composition.py $$ARGS

vectors: .venv/ready ## compare methods and metrics with reference values: ../shared/vectors, or METHOD_VECTORS and METRIC_VECTORS
	$(PYTHON) -m pytest -q tests/methods tests/step/test_adam.py tests/tasks/metrics/test_xtreme_metrics.py

fuzz: .venv/ready ## ask mangled configurations, data and models of it, N of each, and show what went wrong [N=2000, ARGS="--only data --first 7"]
	@PYTHONPATH=tests $(PYTHON) -m helpers.fuzz --tries $(N) $$ARGS

breaks: .venv/ready ## break a copy of the code in one place after another, and say which test notices it first [ARGS="smart freelb"]
	@PYTHONPATH=tests $(PYTHON) -m helpers.breaks $$ARGS

reliability: .venv/ready ## kill what makes grids at random moments and count what is lost [ARGS="--signals 100 --output results/reference/reliability.md"]
	@PYTHONPATH=tests $(PYTHON) -m helpers.reliability $$ARGS

check: .venv/ready ## lint, format and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: .venv/ready ## format the code
	$(PYTHON) -m ruff check --fix . ; $(PYTHON) -m ruff format .

lock: ## renew requirements.lock from pyproject.toml
	echo "torch==$(TORCH)" | env -u UV_FIND_LINKS uv pip compile pyproject.toml --extra dev --extra browser --extra ray --extra slurm --extra tiny --extra l3 --extra e5 --extra peft --extra dashboards --constraints - --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --upgrade --output-file requirements.lock
	sed -i 's/^torch==$(TORCH) \\$$/&\n    --hash=$(TORCH_CPU) \\/' requirements.lock

clean: ## remove caches and the environment; records in results/runs stay
	rm -rf .venv .uv .cache .pytest_cache .mypy_cache .ruff_cache
