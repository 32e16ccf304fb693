"""ROS 2 front of neurok_model: the lifecycle node `predictor` and a blocking Python client.

Start the node with ``python -m neurok_ros.predictor`` or ``ros2 launch neurok_ros predictor.launch.py``;
talk to it with :class:`neurok_ros.client.PredictorClient`.

Importing this package touches nothing of ROS, so that a missing installation can be explained in words.
"""
