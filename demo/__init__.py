"""One poke, end to end: a scan goes in over ROS, the predicted motion comes out as pictures.

Run it with ``make demo`` or ``python -m demo``; it writes ``out/demo/``.
"""
