"""NeuROK: a forward model for any one object, from a scan and the contacts on it.

Pure PyTorch; nothing in this package imports ROS.
"""
