# Sourced by ./run, ./test and .ci/run, in the root of the project: packages, configuring, building.
# What it has to say goes to stderr: stdout belongs to the program that is run.

say() { printf '%s\n' "gofer: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# packages GROUP...: the packages of these groups, one a line.
packages() {
  local group
  for group; do
    awk -v group="$group" '$1 == group { print $2 }' cmake/packages.txt
  done
}

# need_packages GROUP...: installs what is missing when that can be done without asking, else says how and exits.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian: the packages in cmake/packages.txt are taken to be here by other names"
    return
  fi
  local package missing=()
  for package in $(packages "$@"); do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  local sudo=()
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      say "packages are missing; this installs them:"
      printf 'sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
      exit 1
    fi
    sudo=(sudo -n)
  fi
  say "installing ${missing[*]}"
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300) log
  log=$(mktemp)
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } \
    </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "the packages could not be installed"
  fi
  rm -f "$log"
}

# need_preset PRESET: packages for a build with it; exits when there is no such preset.
need_preset() {
  case $1 in
    *-clang) need_packages base clang ;;
    *) need_packages base ;;
  esac
  local presets
  presets=$(cmake --list-presets | sed -n 's/^ *"\([^"]*\)".*/\1/p')
  grep -qxF -- "$1" <<<"$presets" || die "no preset named '$1'; there are: ${presets//$'\n'/ }"
}

# build PRESET [TARGET...]: configures and builds; everything when no target is named.
build() {
  local preset=$1 log=build/$1/configure.log target targets=()
  shift
  for target; do
    targets+=(--target "$target")
  done
  say "configuring build/$preset"
  mkdir -p "build/$preset"
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    die "configuring failed"
  fi
  say "building build/$preset"
  # Objects of one preset serve another: they differ in nothing but the directory they were built in.
  CCACHE_NOHASHDIR=1 cmake --build --preset "$preset" --parallel "$(nproc)" "${targets[@]}" >&2 || die "the build failed"
}

# fixed_addresses COMMAND...: runs it without address space randomization where that is allowed. ThreadSanitizer of these
# compilers cannot map its shadow when the kernel randomizes more than 28 bits.
fixed_addresses() {
  if (($(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0) > 28)) && setarch -R true 2>/dev/null; then
    setarch -R "$@"
  else
    "$@"
  fi
}
