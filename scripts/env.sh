# Source this: the shell then finds the virtual environment's programs and the packages built here.
#   source scripts/env.sh
# Only needed for command-line tools (python, neurok, colcon, cmake); `.venv/bin/python` alone knows the
# ROS packages without it. In a full ROS 2 installation source install/setup.bash instead.

_neurok_tree="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)"
. "$_neurok_tree/.venv/bin/activate"
export AMENT_PREFIX_PATH="$_neurok_tree/install:$_neurok_tree/.venv"
export CMAKE_PREFIX_PATH="$_neurok_tree/install:$_neurok_tree/.venv"
unset _neurok_tree
