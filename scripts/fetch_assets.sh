#!/usr/bin/env bash
# Real articulated meshes for the demo and the tests: the metaworld wheel (MIT licence), taken as an
# archive of assets. It is installed without its dependencies into a folder that Python never searches,
# since it asks for another MuJoCo than ours.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

METAWORLD_VERSION=3.0.0
target="$TREE/assets/metaworld"

say "metaworld $METAWORLD_VERSION (object meshes) into assets/metaworld"
rm -rf "$target"
# shellcheck disable=SC2086
"$ENVIRONMENT/bin/python" -m pip install --quiet ${PIP_INSTALL_OPTIONS:-} --no-deps --no-compile \
  --target "$target" "metaworld==$METAWORLD_VERSION"
