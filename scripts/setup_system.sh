#!/usr/bin/env bash
# System libraries that open3d loads: installed where that is allowed, otherwise named in one line.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

declare -A PACKAGE_OF=([libusb-1.0.so.0]=libusb-1.0-0 [libGL.so.1]=libgl1 [libgomp.so.1]=libgomp1)

known_libraries="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)"
missing=()
for library in "${!PACKAGE_OF[@]}"; do
  grep -qF "$library" <<< "$known_libraries" || missing+=("${PACKAGE_OF[$library]}")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

install_command="apt-get install -y --no-install-recommends ${missing[*]}"
as_root=()
if [[ $EUID -ne 0 ]]; then
  as_root=(sudo -n)
fi
if command -v apt-get > /dev/null && "${as_root[@]}" true 2> /dev/null; then
  say "system libraries: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || true
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install_command && exit 0
fi
say "open3d needs system libraries that are not here; please run: sudo $install_command"
