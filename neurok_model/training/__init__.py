"""Training: objective, schedule, resumable loop."""

from neurok_model.training.configuration import TrainingConfiguration
from neurok_model.training.train import TrainingStopped, train

__all__ = ["TrainingConfiguration", "TrainingStopped", "train"]
