# Shared by the set-up scripts: where things are, and how they talk.

set -euo pipefail

TREE="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ENVIRONMENT="$TREE/.venv"

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
fail() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

# A sourced full ROS 2 installation sets both; the wheels set neither ROS_DISTRO nor a shell variable.
has_full_ros() { [[ -n "${ROS_DISTRO:-}" && -n "${AMENT_PREFIX_PATH:-}" ]]; }
