# make setup | demo | test | lint | ros | clean. Every target sets up what it needs first.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ENVIRONMENT := .venv
RUN := $(ENVIRONMENT)/bin/python
STAMPS := $(ENVIRONMENT)/stamps

PYTHON_INPUTS := requirements.txt requirements-dev.txt requirements-ros.txt \
  scripts/setup_python.sh scripts/neurok_workspace.py
ROS_INPUTS := $(shell find msg resource launch config -type f 2>/dev/null) \
  package.xml setup.py setup.cfg scripts/build_ros.sh $(wildcard cmake/*.cmake)

# A benchmark or a test that asks for every core slows the others down more than it gains.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help setup ros test demo lint format clean system-libraries

help:
	@echo "make setup   make .venv, build the ROS packages, fetch test assets (once; fast when nothing changed)"
	@echo "make demo    start the node, push a real laptop's lid and a soft bar, write out/demo/"
	@echo "make test    every test, with real ROS 2 processes (PYTEST_ARGUMENTS='-k contact' narrows it)"
	@echo "make lint    ruff and mypy"
	@echo "make format  let ruff lay out the sources"
	@echo "make ros     colcon build alone, in a sourced ROS 2 or against the wheels in .venv"
	@echo "make clean   remove everything that was made here"
	@echo ""
	@echo "PYTHON=/path/to/python3.12 chooses the interpreter (3.11 or 3.12) of a new .venv."
	@echo "PIP_INSTALL_OPTIONS='--extra-index-url https://download.pytorch.org/whl/cpu' takes the much smaller"
	@echo "PyTorch without CUDA, for machines without an NVIDIA GPU."

setup: system-libraries $(STAMPS)/python $(STAMPS)/assets $(STAMPS)/ros

system-libraries:
	@scripts/setup_system.sh

$(STAMPS)/python: $(PYTHON_INPUTS)
	@scripts/setup_python.sh
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/assets: scripts/fetch_assets.sh | $(STAMPS)/python
	@scripts/fetch_assets.sh
	@touch $@

$(STAMPS)/ros: $(ROS_INPUTS) | $(STAMPS)/python
	@scripts/build_ros.sh
	@touch $@

ros:
	@scripts/build_ros.sh

test: setup
	# One second chance: on a loaded machine two processes may find each other too late. pytest reports it as R.
	$(RUN) -m pytest --reruns 1 --ignore=test/ros/test_real_predictor.py $(PYTEST_ARGUMENTS)
	# In a session, and so a ROS domain, of its own: latched objects of the stand-in nodes would reach it.
	$(RUN) -m pytest --reruns 1 test/ros/test_real_predictor.py

demo: setup
	$(RUN) -m demo $(DEMO_ARGUMENTS)

lint: $(STAMPS)/python
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: $(STAMPS)/python
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

clean:
	rm -rf $(ENVIRONMENT) build install log out assets/metaworld .pytest_cache .mypy_cache .ruff_cache .hypothesis
