"""Training: objective, schedule, resumable loop."""

from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.health import TrainingStopped
from neurok_model.training.interruption import TrainingInterrupted
from neurok_model.training.train import train

__all__ = ["TrainingConfiguration", "TrainingInterrupted", "TrainingStopped", "train"]
