"""The demo's files: readable images of the right form, and numbers that follow from the motion."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.pictures import (
    ANIMATION_PAUSE,
    Energies,
    PushOverview,
    write_animation,
    write_energy_plot,
    write_film_strip,
    write_push_overview,
)
from demo.scene import Force, Motion, MotionPictures, View
from demo.summary import Latencies, ObjectSummary, Summary

TETRAHEDRON = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
TRIANGLES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


@pytest.fixture(params=["mesh", "cloud"])
def motion(request: pytest.FixtureRequest) -> Motion:
    """A tetrahedron whose tip moves 0.5 m sideways within 0.4 s."""
    times = np.linspace(0.0, 0.4, 5)
    vertices = np.repeat(TETRAHEDRON[None], 5, axis=0)
    vertices[:, 3, 0] += 0.5 * times / 0.4
    triangles = TRIANGLES if request.param == "mesh" else np.zeros((0, 3), dtype=int)
    return Motion(times, vertices, triangles, Force(vertices[:, 3], np.array([2.0, 0, 0]), 0.0, 0.15), View())


def opened(path: Path) -> Image.Image:
    image = Image.open(path)
    image.load()
    return image


def test_film_strip_shows_the_motion(motion: Motion, tmp_path: Path) -> None:
    """The strip is one wide picture, and its first and last pose differ."""
    write_film_strip(tmp_path / "film.png", motion, "tetrahedron", columns=3)
    image = opened(tmp_path / "film.png")
    assert image.width > 2 * image.height
    pictures = MotionPictures(motion, 60, 50)
    assert np.abs(pictures.picture(0).astype(int) - pictures.picture(4)).max() > 60


def test_arrow_is_shown_only_while_the_force_acts(motion: Motion) -> None:
    """An arrow after the push would suggest a force that is not there."""
    pictures = MotionPictures(motion, 120, 100)

    def arrow_pixels(frame: int) -> int:
        red, green, blue = pictures.picture(frame).astype(int).transpose(2, 0, 1)
        return int(((red > 2.5 * green) & (blue > 1.5 * green)).sum())

    assert arrow_pixels(0) > 20
    assert arrow_pixels(1) > 20
    assert arrow_pixels(3) == 0


def test_animation_runs_in_real_time(motion: Motion, tmp_path: Path) -> None:
    """The GIF takes as long as the motion, and a pause at its end; it shows every frame and repeats."""
    write_animation(tmp_path / "motion.gif", motion)
    image = opened(tmp_path / "motion.gif")
    durations = []
    for frame in range(image.n_frames):
        image.seek(frame)
        durations.append(image.info["duration"])
    assert sum(durations) == pytest.approx(1000 * motion.times[-1] + ANIMATION_PAUSE, abs=1)
    assert len(durations) == len(motion.times)
    assert image.info["loop"] == 0


def test_energy_plot_and_overview_are_written(motion: Motion, tmp_path: Path) -> None:
    """Both kinds of plot are made for meshes and for clouds, also with fewer pushes than pictures."""
    energies = Energies(motion.times, motion.times**2, -(motion.times**2), 0.15)
    write_energy_plot(tmp_path / "energy.png", energies, "tetrahedron")
    overview = PushOverview(
        rest_vertices=motion.vertices[0],
        triangles=motion.triangles,
        points=TETRAHEDRON[1:],
        directions=-TETRAHEDRON[1:],
        displacements=np.array([0.0, 0.1, 0.3]),
        final_points=TETRAHEDRON[1:] + 0.1,
        final_vertices=motion.vertices[[0, 2, 4]],
        view=View(),
    )
    write_push_overview(tmp_path / "pushes.png", overview, "tetrahedron")
    for name in ("energy.png", "pushes.png"):
        assert np.asarray(opened(tmp_path / name).convert("L")).std() > 5


def test_summary_has_the_agreed_keys(tmp_path: Path) -> None:
    """Other programs read summary.json: its keys and units stay as they are."""
    latencies = Latencies(encode=1.0, compile=2.0, predict=3.0, predict_batch=4.0, ros_overhead=0.123456789)
    entry = ObjectSummary("laptop_mesh", "mesh", "OK", 0.1, 0.01, 0.2, latencies)
    summary = Summary("neurok", "cpu", [entry])
    summary.write(tmp_path / "summary.json")
    read = json.loads((tmp_path / "summary.json").read_text())
    assert set(read) == {"checkpoint", "device", "objects"}
    assert set(read["objects"][0]) == {
        "name",
        "input",
        "outcome",
        "residual",
        "energy_drift",
        "pushed_point_displacement_m",
        "latency_ms",
    }
    assert set(read["objects"][0]["latency_ms"]) == {
        "encode",
        "compile",
        "predict",
        "predict_batch",
        "ros_overhead",
    }
    assert read["objects"][0]["latency_ms"]["ros_overhead"] == pytest.approx(0.123457)
    assert "laptop_mesh" in summary.table()
