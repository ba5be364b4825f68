# Winnow. Every target sets up .venv first when it is not there or a lock changed.
SHELL := /bin/bash
PY := .venv/bin/python
STAMP := .venv/.stamp
JOBS ?= 2

.PHONY: demo run test check format bench package lock clean

demo: $(STAMP)  ## segment the bundled photographs, headless
	$(PY) main.py demo --out out/demo

run: $(STAMP)  ## the window
	$(PY) main.py

test: $(STAMP)  ## all tests, without a screen or a GPU
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n $(JOBS) --dist loadfile

check: $(STAMP)  ## style, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: $(STAMP)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: $(STAMP)  ## side-by-side speed measurements
	$(PY) -m benchmarks

package: $(STAMP)  ## the built program in dist/Winnow, with the torch that is installed, and its smoke test (SMOKE="--with OMP_NUM_THREADS=1")
	$(PY) packaging/build.py
	$(PY) packaging/smoke.py dist/Winnow $(SMOKE)

lock: $(STAMP)  ## pin requirements.in and requirements-dev.in anew
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --upgrade --no-header --no-emit-index-url --no-emit-find-links \
		--no-emit-package sam2 --no-emit-package uv requirements.in requirements-dev.in -o requirements.lock
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --upgrade --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --no-deps requirements-sam2.in -o requirements-sam2.lock

$(STAMP): requirements.lock requirements-sam2.lock packaging/setup.sh
	bash packaging/setup.sh
	@touch $@

clean:
	rm -rf .venv out build dist .mypy_cache .ruff_cache .import_linter_cache
