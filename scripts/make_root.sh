#!/usr/bin/env bash
# Makes the root of a fresh distribution in build/roots/NAME.base (kept), and an unused copy of it in build/roots/COPY.
# usage: make_root.sh debian-12|debian-13|ubuntu-24.04 [COPY]       needs root, debootstrap, and the distribution's archive
#
# For tests only: Debian has no key of Ubuntu's, so what Ubuntu's archive sends is not verified.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?usage: make_root.sh debian-12|debian-13|ubuntu-24.04}
case $name in
  debian-12) suite=bookworm ;;
  debian-13) suite=trixie ;;
  ubuntu-24.04) suite=noble ;;
  *) echo "make_root.sh: unknown distribution '$name'" >&2; exit 2 ;;
esac

root=build/roots/$name
copy=build/roots/${2:-$name}
mkdir -p build/roots
if [ ! -e "$root.base/etc/os-release" ]; then
  rm -rf "$root.base"
  echo "$name: making a root (about a minute)"
  options=(--variant=minbase)
  # Debian's debootstrap may not know the suite: all of Ubuntu's since 2007 are made in one way.
  own=$(mktemp -d)
  trap 'rm -rf "$own"' EXIT
  cp -a /usr/share/debootstrap/. "$own"
  if [ "$suite" = noble ]; then
    [ -e "$own/scripts/noble" ] || ln -s gutsy "$own/scripts/noble"
    options+=(--no-check-gpg "--components=main,universe")
  fi
  DEBOOTSTRAP_DIR=$own debootstrap "${options[@]}" "$suite" "$root.base" >build/roots/"$name".log 2>&1 ||
    { tail -5 build/roots/"$name".log >&2; echo "make_root.sh: $name: debootstrap failed" >&2; exit 1; }
fi
rm -rf --one-file-system "$copy"
cp -a "$root.base" "$copy"
cp /etc/resolv.conf "$copy/etc/resolv.conf"
# As the installers write it; without it glibc asks a name server for localhost.
[ -e "$copy/etc/hosts" ] || printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$copy/etc/hosts"
