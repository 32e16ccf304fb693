"""NumPy arrays and neurok_model's types to and from ROS messages. No node, no state: pure functions."""
