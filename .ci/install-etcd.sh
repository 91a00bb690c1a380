#!/usr/bin/env bash
# Installs etcd and etcdctl 3.4 and 3.5 side by side for the integration tests, without touching the system's packages:
# Debian packages are downloaded, unpacked in a temporary folder, and only the binaries are copied to
# ${ETCD_HOME:-/opt/etcd-test}/<3.4|3.5>/. Does nothing for a version that is already there. WITH_NEWEST=1 also installs the
# newest 3.5 of Debian's unstable suite as 3.5-newest, where it runs here.
#
# Debian's stable suites each carry one etcd series. The mirror is taken from the machine's own apt sources, with only the
# suite's name replaced, in an apt configuration of its own (lists, cache), so nothing the machine knows is changed.
set -euo pipefail

etcd_home="${ETCD_HOME:-/opt/etcd-test}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# apt drops to the user `_apt` for downloads, which must be able to enter the folder.
chmod 755 "$work"

own_suite="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")"

retry() {
  local attempt
  for attempt in 1 2 3 4; do
    if "$@"; then return 0; fi
    echo "attempt $attempt failed: $*" >&2
    sleep $((attempt * 2))
  done
  return 1
}

# Prints the URI of the machine's Debian archive: from deb822 sources, else from the one-line format.
archive_uri() {
  local file uri
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    uri="$(awk '$1 == "URIs:" { print $2 }' "$file" | grep -E '/debian/?$' | head -n 1)" || true
    if [ -n "$uri" ]; then echo "$uri"; return 0; fi
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    uri="$(sed -nE 's/^deb( \[[^]]*\])? +([^ ]+\/debian\/?) .*/\2/p' "$file" | head -n 1)" || true
    if [ -n "$uri" ]; then echo "$uri"; return 0; fi
  done
  echo "no Debian archive found in the apt sources; install etcd $1 by hand into $etcd_home/$1/" >&2
  return 1
}

# Writes an isolated apt configuration for one suite and refreshes its package lists.
prepare_suite() {
  local suite="$1" root="$work/$1" uri
  [ -f "$root/ready" ] && return 0
  uri="$(archive_uri "$suite")" || return 1
  mkdir -p "$root/lists/partial" "$root/cache/archives/partial" "$root/parts"
  cat >"$root/parts/suite.sources" <<SOURCES
Types: deb
URIs: $uri
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  cat >"$root/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$root/parts";
Dir::State::lists "$root/lists";
Dir::Cache "$root/cache";
Acquire::Retries "3";
Acquire::Languages "none";
APT::Get::List-Cleanup "0";
CONF
  # --error-on=any: an unreachable archive must fail here, not look like a suite without etcd.
  retry env APT_CONFIG="$root/apt.conf" apt-get -qq --error-on=any update || return 1
  touch "$root/ready"
}

# The newest version of etcd-server in a prepared suite, or nothing.
suite_version() {
  APT_CONFIG="$work/$1/apt.conf" apt-cache madison etcd-server | awk '{ print $3; exit }'
}

# The version number that a binary prints about itself, such as 3.5.16.
binary_version() {
  case "$1" in
    */etcd) "$1" --version 2>/dev/null | awk '/^etcd Version:/ { print $3 }' ;;
    *) ETCDCTL_API=3 "$1" version 2>/dev/null | awk '/^etcdctl version:/ { print $3 }' ;;
  esac
}

has_series() {
  local series="$1" folder="$2" program version
  for program in etcd etcdctl; do
    [ -x "$folder/$program" ] || return 1
    version="$(binary_version "$folder/$program")" || return 1
    [[ "$version" == "$series".* ]] || return 1
  done
}

install_from_suite() {
  local series="$1" suite="$2" target="${3:-$etcd_home/$1}" downloads="$work/$1-debs" package deb version program
  prepare_suite "$suite" || return 1
  version="$(suite_version "$suite")"
  [[ "$version" == *"$series".* ]] || { echo "suite $suite has etcd ${version:-(none)}, not $series" >&2; return 1; }
  rm -rf "$downloads" && mkdir -p "$downloads/root"
  for package in etcd-server etcd-client; do
    (cd "$downloads" && retry env APT_CONFIG="$work/$suite/apt.conf" \
      apt-get -qq -o APT::Sandbox::User=root download "$package") || return 1
  done
  for deb in "$downloads"/*.deb; do dpkg -x "$deb" "$downloads/root"; done
  # A binary that does not run here (a newer C library, say) must not be installed: the next suite is tried.
  has_series "$series" "$downloads/root/usr/bin" || { echo "etcd $version of $suite does not run here" >&2; return 1; }
  mkdir -p "$target"
  for program in etcd etcdctl; do
    # Renamed into place, so that a run that is using the old file is not disturbed.
    install -m 755 "$downloads/root/usr/bin/$program" "$target/.$program.new"
    mv -f "$target/.$program.new" "$target/$program"
  done
}

# A newer patch release beside the series of the stable suites, where the machine can have it: never an error.
install_newest() {
  local folder="$etcd_home/$1-newest"
  if has_series "$1" "$folder"; then return 0; fi
  if install_from_suite "$1" "$2" "$folder"; then return 0; fi
  echo "no newer etcd $1 from $2" >&2
}

install_series() {
  local series="$1" suite
  shift
  if has_series "$series" "$etcd_home/$series"; then return 0; fi
  for suite in "$@"; do
    [ -n "$suite" ] || continue
    if install_from_suite "$series" "$suite"; then return 0; fi
  done
  echo "etcd $series could not be installed from any of: $*" >&2
  return 1
}

install_series 3.4 "$own_suite" bookworm
install_series 3.5 "$own_suite" trixie sid
# Checks permissions at each renewal of a lease, which 3.5.16 does not.
if [ "${WITH_NEWEST:-}" = 1 ]; then install_newest 3.5 sid; fi

for series in 3.4 3.5 3.5-newest; do
  [ -x "$etcd_home/$series/etcd" ] || continue
  for program in etcd etcdctl; do
    echo "$etcd_home/$series/$program $(binary_version "$etcd_home/$series/$program")"
  done
done
