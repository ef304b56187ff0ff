#!/usr/bin/env bash
# Makes an OCI image layout of the Debian package, without a daemon. Needs root, debootstrap and umoci.
# usage: build_image.sh DEB OUTPUT_FOLDER [ROOT]
# ROOT: a fresh minimal root of the distribution that DEB is for; without it debootstrap makes one of the distribution
# that runs here.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: build_image.sh DEB OUTPUT_FOLDER [ROOT]" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "build_image.sh: needs root, for debootstrap and chroot" >&2; exit 1; }
# Mounts that end with this script.
[ "${HOLDFAST_SANDBOX:-}" = mounts ] || HOLDFAST_SANDBOX=mounts exec unshare --mount --propagation private "$0" "$@"
deb=$(realpath "$1") output=$(realpath -m "$2") template=${3:-}
version=$(dpkg-deb -f "$deb" Version)
architecture=$(dpkg-deb -f "$deb" Architecture)
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$(dirname "$0")" log -1 --format=%ct 2>/dev/null || date +%s)}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
user=65532

work=$(mktemp -d)
root=$work/root
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
  for folder in proc dev; do umount --recursive --lazy "$root/$folder" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

make_root() {
  if [ -n "$template" ]; then
    cp -a "$template" "$root"
  else
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    debootstrap --variant=minbase --arch="$architecture" "$codename" "$root" >"$work/log" ||
      { tail -20 "$work/log" >&2; exit 1; }
  fi
}

in_root() {
  chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
}

install_package() {
  mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cp "$deb" "$root/tmp/holdfast.deb"
  # Before the package makes the user under a number of its own.
  in_root groupadd --system --gid $user holdfast
  in_root useradd --system --uid $user --gid $user --home-dir /var/lib/holdfast --no-create-home \
    --shell /usr/sbin/nologin holdfast
  in_root apt-get update
  in_root apt-get install -y --no-install-recommends /tmp/holdfast.deb ca-certificates
  umount --recursive --lazy "$root/proc" "$root/dev"
}

# What a container does not need; settings get the environment, so the file of the system service goes as well.
trim_root() {
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/* "$root"/var/log/* "$root"/tmp/* "$root"/run/* "$root/etc/holdfast"
  find "$root/usr/share/doc" -mindepth 1 ! -type d ! -name copyright -delete
  find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
  rm -rf "$root"/usr/share/{man,info,locale,lintian}/* "$root"/usr/share/{bash-completion,zsh,fish}
  rm -f "$root"/etc/{resolv.conf,hostname} "$root"/etc/*- "$root/var/lib/systemd/catalog/database"
  : >"$root/etc/machine-id"
  # The same packages give the same bytes.
  find "$root" -newermt "@$epoch" -exec touch --no-dereference --date "@$epoch" {} +
}

make_layout() {
  local image=$output:$version
  rm -rf "$output"
  mkdir -p "$(dirname "$output")"
  umoci init --layout "$output"
  umoci new --image "$image"
  umoci insert --image "$image" --history.created "$created" \
    --history.created_by "Debian packages and holdfast $version" "$root" /
  umoci config --image "$image" --no-history --created "$created" --os linux --architecture "$architecture" \
    --config.entrypoint /usr/bin/holdfast --config.cmd serve --config.user $user:$user \
    --config.workingdir /var/lib/holdfast --config.volume /var/lib/holdfast --config.stopsignal SIGTERM \
    --config.exposedports 8000/tcp --config.exposedports 8189/udp \
    --config.env PATH=/usr/bin:/bin --config.env LANG=C.UTF-8 \
    --config.env HOLDFAST_RECORDINGS=/var/lib/holdfast \
    --config.env HOLDFAST_LISTEN=0.0.0.0:8000 --config.env HOLDFAST_MEDIA_LISTEN=0.0.0.0:8189 \
    --config.label org.opencontainers.image.title=holdfast \
    --config.label "org.opencontainers.image.description=Recorder of live WebRTC streams" \
    --config.label "org.opencontainers.image.version=$version" \
    --config.label "org.opencontainers.image.created=$created" \
    --config.label org.opencontainers.image.licenses=Apache-2.0
  umoci gc --layout "$output"
}

make_root
install_package
trim_root
make_layout
unpacked=$(du -sm "$root" | cut -f1) packed=$(du -sm "$output" | cut -f1)
echo "$output: holdfast $version for $architecture, $unpacked MB unpacked, $packed MB as a layout"
