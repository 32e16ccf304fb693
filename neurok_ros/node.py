"""The lifecycle node: puts the parts together and takes them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from neurok_model.cache import cache_called
from neurok_model.errors import NeurokError
from neurok_model.mechanics import fast_path
from neurok_model.predictor import Predictor
from neurok_ros import parameters
from neurok_ros.diagnostics import Diagnostics
from neurok_ros.frames import FrameResolver
from neurok_ros.inputs import Inputs
from neurok_ros.outputs import Outputs
from neurok_ros.rollout_action import RolloutAction
from neurok_ros.runtime import Runtime
from neurok_ros.services import Services
from neurok_ros.session import ObjectSession
from neurok_ros.settings import Settings
from neurok_ros.worker import Worker

LoadPredictor = Callable[[str, str, int], Predictor]
"""Takes the parameters checkpoint, device and seed."""

NOTEWORTHY_SECONDS = 5.0
"""Machine code that took longer was compiled, not found on the disk."""


def load_predictor(checkpoint: str, device: str, seed: int) -> Predictor:
    """Load the checkpoint of that path, or the shipped one for an empty path.

    Raises:
        NeurokError: ``INVALID_CHECKPOINT``, or ``INVALID_PARAMETER`` for the device.
    """
    return Predictor.load(Path(checkpoint) if checkpoint else None, device=device, seed=seed)


class PredictorNode(LifecycleNode):
    """Predicts how the object that was scanned moves under contacts.

    unconfigured: only parameters. inactive: the checkpoint is loaded; services refuse with ``NOT_ACTIVE``,
    topics are not heard. active: everything. The object survives deactivation; clean-up forgets it.

    Args:
        load: loads the predictor when the node is configured.
        node_arguments: passed on to rclpy's node.

    Raises:
        ParameterError: when a parameter was given a value that is not allowed.
    """

    def __init__(self, load: LoadPredictor = load_predictor, **node_arguments: Any) -> None:
        super().__init__("predictor", **{"namespace": "neurok", **node_arguments})
        self._load = load
        self._active = False
        self._runtime: Runtime | None = None
        self._parts: list[Services | Inputs | RolloutAction] = []
        try:
            parameters.declare(self)
        except parameters.ParameterError:
            self.destroy_node()
            raise

    def start(self) -> bool:
        """Configure and activate, and return whether both succeeded; if not, the log says why."""
        transitions = (self.trigger_configure, self.trigger_activate)
        return all(transition() is TransitionCallbackReturn.SUCCESS for transition in transitions)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the checkpoint and create all topics, services and the action."""
        settings = Settings(self)
        try:
            predictor = self._load(settings["checkpoint"], settings["device"], settings["seed"])
        except NeurokError as error:
            self.get_logger().error(f"cannot be configured: {error.code.name}: {error}")
            return TransitionCallbackReturn.FAILURE
        predictor.cache = cache_called(settings["cache"], int(settings["cache_megabytes"] * 1e6))
        session, worker = ObjectSession(predictor, settings.limits), Worker("predictor")
        runtime = Runtime(
            node=self,
            settings=settings,
            session=session,
            worker=worker,
            frames=FrameResolver.listening(self),
            outputs=Outputs(self, settings),
            diagnostics=Diagnostics(
                self, settings["diagnostics.rate"], lambda: _description(session), lambda: worker.dropped
            ),
            is_active=lambda: self._active,
        )
        self._runtime = runtime
        self._parts = [Services(runtime), Inputs(runtime), RolloutAction(runtime)]
        self.get_logger().info(f"checkpoint '{predictor.checkpoint_name}' on {predictor.device}")
        worker.offer("machine code", partial(self._prepare_machine_code, predictor.device))
        return TransitionCallbackReturn.SUCCESS

    def _prepare_machine_code(self, device: torch.device) -> None:
        """Compile what predictions run on, instead of letting the first of them wait for it: once per machine for the
        processor, once per process for a GPU.
        """
        seconds = fast_path.prepare(device)
        if seconds > NOTEWORTHY_SECONDS:
            kept = "; later starts find it on the disk" if device.type == "cpu" else ""
            self.get_logger().info(f"machine code compiled in {seconds:.0f} s{kept}")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to serve; publish the object that is held, if any."""
        result = super().on_activate(state)
        self._active = True
        runtime = self._runtime
        if runtime is not None and runtime.session.held is not None:
            held = runtime.session.held
            runtime.outputs.object_changed(held, runtime.header(held.frame_id))
        self.get_logger().info("ready: publish a scan or call set_object")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop serving; the object stays."""
        self._active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the object and the checkpoint."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop what runs and release everything."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After a fault in a transition: release everything, so that the node can be configured again."""
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Leave the ROS graph. The parts must have been released.

        rclpy leaves the lifecycle's state machine to Python's end. It holds the DDS participant: the others would miss
        the node only after a while, and its shared memory would outlive a process that ends without taking Python
        apart.
        """
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def release(self, patience: float | None = None) -> None:
        """Stop what runs and remove everything that was configured. May be called at any time.

        Args:
            patience: seconds to wait for work that cannot be stopped; None to wait as long as it takes. With a limit
                the process has to end afterwards, since the abandoned work still uses what is removed here.
        """
        self._active = False
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        runtime.worker.close(patience)
        for part in self._parts:
            part.destroy()
        self._parts = []
        runtime.diagnostics.destroy()
        runtime.outputs.destroy()
        runtime.frames.destroy()


def _description(session: ObjectSession) -> Mapping[str, str]:
    """Return the model, device and object in words."""
    held = session.held
    values = {"checkpoint": session.predictor.checkpoint_name, "device": str(session.predictor.device)}
    if held is None:
        return {**values, "object": "none"}
    return {
        **values,
        "object": held.model.object_id,
        "object.frame": held.frame_id,
        "object.vertices": str(len(held.model.rest_vertices)),
        "object.dimension": str(held.model.dimension),
        "object.compile_error": f"{held.model.compile_error:.4f}",
    }
