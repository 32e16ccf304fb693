#!/usr/bin/env bash
# Builds neurok_msgs and neurok_ros with colcon into install/: in a sourced full ROS 2 with its own
# tools, otherwise against the ROS 2 wheels in .venv.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v c++ > /dev/null || fail "a C++ compiler is needed; on Debian and Ubuntu: apt-get install g++ make"
cd "$TREE"

# colcon stops at the package in the tree's root and would not see msg/ below it: name both.
arguments=(build --merge-install --base-paths . msg)
cmake_arguments=(-DBUILD_TESTING=OFF)

if has_full_ros; then
  colcon="$(command -v colcon)" || fail "colcon is needed: apt-get install python3-colcon-common-extensions"
else
  [[ -x "$ENVIRONMENT/bin/colcon" ]] \
    || fail "no ROS 2 here: source one (source /opt/ros/jazzy/setup.bash) or run make setup for the wheels"
  colcon="$ENVIRONMENT/bin/colcon"
  export PATH="$ENVIRONMENT/bin:$PATH"
  export AMENT_PREFIX_PATH="$ENVIRONMENT" CMAKE_PREFIX_PATH="$ENVIRONMENT"
  # The wheels' prefix has no local_setup files, which colcon warns of and nobody here needs.
  export COLCON_LOG_LEVEL=error
  cmake_arguments+=(
    -G Ninja
    -Wno-deprecated
    "-DPython3_EXECUTABLE=$ENVIRONMENT/bin/python"
    "-DCMAKE_PROJECT_INCLUDE=$TREE/cmake/drop_missing_include_directories.cmake"
  )
fi

say "building neurok_msgs and neurok_ros (one to two minutes the first time; details in log/latest_build)"
"$colcon" "${arguments[@]}" --cmake-args "${cmake_arguments[@]}"
