"""Installs neurok_ros (the node) and neurok_model (the library), by colcon or by ``pip install .``."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "neurok_ros"
TREE = Path(__file__).resolve().parent


def files(pattern: str) -> list[str]:
    """Paths relative to this file, as setuptools wants them."""
    return sorted(str(path.relative_to(TREE)) for path in TREE.glob(pattern) if path.is_file())


def requirements() -> list[str]:
    """The library's requirements; ROS packages come from package.xml or requirements-ros.txt."""
    lines = (TREE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Predicts how a scanned everyday object moves and deforms under contact.",
    maintainer="neurok_ros maintainers",
    maintainer_email="maintainers@neurok-ros.invalid",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["neurok_model*", "neurok_ros*"]),
    package_data={"neurok_model": ["weights/*.safetensors", "weights/*.json"], "neurok_ros": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/launch", files("launch/*.launch.py")),
        (f"share/{PACKAGE}/config", files("config/*")),
    ],
    install_requires=requirements(),
    # Generating data on more than one machine; nothing else needs it.
    extras_require={"ray": ["ray>=2.9,<3"], "cuda": ["numba-cuda[cu12]>=0.20,<0.40"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "predictor = neurok_ros.predictor:main",
            "neurok = neurok_model.cli:main",
        ],
    },
)
