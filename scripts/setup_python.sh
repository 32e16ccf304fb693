#!/usr/bin/env bash
# Makes or updates .venv: Python packages and, without a full ROS 2, the ROS 2 wheels.
# PYTHON=... chooses the interpreter (3.11 or 3.12), PIP_INSTALL_OPTIONS=... is handed to pip.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

find_python() {
  local candidates=(python3.11 python3.12 python3)
  # rclpy of a full ROS 2 belongs to the system's own Python.
  has_full_ros && candidates=(python3)
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} "${candidates[@]}"; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "Python 3.11 or 3.12 is needed and neither was found; install one (Debian/Ubuntu: apt-get install" \
    "python3 python3-venv) or name it: make setup PYTHON=/path/to/python3.12"
}

make_environment() {
  [[ -x "$ENVIRONMENT/bin/python" ]] && return
  local python options=()
  python="$(find_python)"
  has_full_ros && options+=(--system-site-packages)
  say "making .venv with $("$python" --version)"
  "$python" -m venv "${options[@]}" "$ENVIRONMENT" \
    || fail "cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
}

install_packages() {
  local requirements=(-r "$TREE/requirements.txt" -r "$TREE/requirements-dev.txt")
  has_full_ros || requirements+=(-r "$TREE/requirements-ros.txt")
  say "Python packages (a few minutes and about 3 GB of downloads the first time)"
  # One step for all: torch and everything that needs it are resolved together.
  # shellcheck disable=SC2086
  "$ENVIRONMENT/bin/python" -m pip install ${PIP_INSTALL_OPTIONS:-} "${requirements[@]}" \
    | { grep --line-buffered -v -E '^(Requirement already satisfied|Looking in)' || true; }
}

# See scripts/neurok_workspace.py. The name sorts before ros_wheels_bootstrapper.pth, as it must.
install_workspace_hook() {
  has_full_ros && return
  local site_packages
  site_packages="$("$ENVIRONMENT/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  cp "$TREE/scripts/neurok_workspace.py" "$site_packages/neurok_workspace.py"
  echo 'import neurok_workspace' > "$site_packages/neurok_workspace.pth"
}

make_environment
install_packages
install_workspace_hook
