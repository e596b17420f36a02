#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh up|test|kernels: installs what this machine lacks for `make up`, `make test` or `make test-kernels`, as root on Debian
# and Ubuntu; elsewhere it names the one command to run. It says nothing when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()

# needs COMMAND PACKAGE: the package is missing when the command is.
needs() {
  command -v "$1" >/dev/null 2>&1 || PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || packages+=("$2")
}

# needs_file FILE PACKAGE
needs_file() {
  [ -e "$1" ] || packages+=("$2")
}

# needs_go: the toolchain of go.mod, which Go 1.21 and later fetches by itself where it may.
needs_go() {
  local want
  want=$(awk '$1 == "go" { print $2 }' go.mod)
  if ! command -v go >/dev/null 2>&1; then
    echo "setup: Go is not installed: install Go $want or later (https://go.dev/dl/) and put it on PATH" >&2
    exit 1
  fi
  if ! go version >/dev/null 2>&1; then
    echo "setup: Go is too old ($(cd / && GOTOOLCHAIN=local go env GOVERSION)): install Go $want or later (https://go.dev/dl/)" >&2
    exit 1
  fi
}

# new_clickhouse: a clickhouse program that is new enough makes npm needless (internal/devstack/clickhouse).
new_clickhouse() {
  local major
  major=$(clickhouse local --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 | cut -d. -f1) || return 1
  [ "${major:-0}" -ge 26 ]
}

needs_up() {
  needs_file /etc/ssl/certs/ca-certificates.crt ca-certificates
  needs git git
  new_clickhouse || needs npm npm
}

needs_test() {
  needs java default-jre-headless
  needs mvn maven
  needs nft nftables
  needs ip iproute2
  needs kcat kcat
  needs clang clang
  needs llvm-strip llvm
  needs setpriv util-linux
  needs chromium chromium
  needs nginx nginx
  needs strace strace
  needs_file /usr/include/bpf/bpf_helpers.h libbpf-dev
}

needs_kernels() {
  needs qemu-system-x86_64 qemu-system-x86
  # The guest has no libraries for a busybox that is not static.
  if ! [ -e /bin/busybox ] || ldd /bin/busybox >/dev/null 2>&1; then packages+=(busybox-static); fi
  needs depmod kmod
  needs xz xz-utils
  needs nft nftables
  needs nstat iproute2
  needs_file /usr/lib/systemd/systemd systemd
  needs_file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
}

case "${1:-}" in
  up) needs_go; needs_up ;;
  test) needs_go; needs_up; needs_test ;;
  kernels) needs_go; needs_kernels ;;
  *) echo "usage: $0 up|test|kernels" >&2; exit 2 ;;
esac

[ "${#packages[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: missing on this machine, install with its package manager (Debian's names): ${packages[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "setup: run \`sudo apt-get install -y --no-install-recommends ${packages[*]}\`" >&2
  exit 1
fi
echo "setup: installing ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "setup: \`apt-get install -y --no-install-recommends ${packages[*]}\` failed" >&2
  exit 1
fi
