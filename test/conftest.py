"""What every test shares: a private ROS domain, few threads, reproducible hypothesis runs."""

from __future__ import annotations

import os
import random
import tempfile

# Both are read when ROS or a numerical library is first loaded, so they are set before any import.
# LOCALHOST: ROS_LOCALHOST_ONLY=1 would still join multicast. A random domain keeps two test runs on one
# machine apart; 0-101 are the domains whose ports lie below Linux's ephemeral range.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(1, 101)))
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MPLBACKEND", "Agg")
# Compiled objects of tests are kept apart from the user's, and gone afterwards.
_CACHE = tempfile.TemporaryDirectory(prefix="neurok-test-cache-")
os.environ["XDG_CACHE_HOME"] = _CACHE.name

import hypothesis  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

# The same examples on every machine, and no failure because a shared machine was slow.
hypothesis.settings.register_profile("neurok", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("neurok")
