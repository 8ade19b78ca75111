#!/usr/bin/env bash
# Builds the image, runs it in containers, releases it to a cluster. Says what is missing when it cannot.
#
#   scripts/deploy.sh image VERSION
#   scripts/deploy.sh compose COMMAND…            PROFILE=roles: one container per role instead of one for all
#   scripts/deploy.sh release staging|production VERSION
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE="${IMAGE:-chimera}"
ROLL_OUT_TIME_MAX="${ROLL_OUT_TIME_MAX:-10m}"

fail() {
  printf 'deploy: %s\n' "$@" >&2
  exit 3
}

need() { # need COMMAND WHERE_TO_GET_IT
  command -v "$1" >/dev/null || fail "this needs $1, which is not on this machine." "$2"
}

need_docker() {
  need docker "Install Docker Engine (docs.docker.com/engine/install), or Docker Desktop on macOS and WSL."
  docker info >/dev/null 2>&1 || fail "docker is here, but no engine answers." "Start it: systemctl start docker, or open Docker Desktop."
}

build_image() {
  need_docker
  bash scripts/console.sh # the image holds the console as it is now
  docker build --file deploy/Dockerfile --tag "$IMAGE:$1" --tag "$IMAGE:latest" .
}

compose() {
  need_docker
  docker compose version >/dev/null 2>&1 || fail "this needs the compose plugin of docker." "Install docker-compose-plugin."
  docker compose --file deploy/compose.yaml --profile "${PROFILE:-up}" "$@"
}

# Blue-green and canary steps belong to a later issue; this is helm's rolling update, undone when it does not come up.
release() {
  local stage="$1" version="$2"
  case "$stage" in
    staging) ;;
    production) [ "${CONFIRM:-}" = production ] || fail "production is changed only on purpose." "Say so: make deploy-prod CONFIRM=production" ;;
    *) fail "there is no stage '$stage'; there are staging and production" ;;
  esac
  need helm "Get it from helm.sh/docs/intro/install (Homebrew: brew install helm)."
  need kubectl "Get it from kubernetes.io/docs/tasks/tools; it also chooses the cluster (kubectl config use-context)."
  kubectl cluster-info >/dev/null 2>&1 || fail "no cluster answers as '$(kubectl config current-context 2>/dev/null || echo none)'." \
    "Choose one: kubectl config use-context NAME"
  helm upgrade chimera deploy/helm/chimera --install --namespace "chimera-$stage" --create-namespace \
    --values "deploy/helm/chimera/values-$stage.yaml" --set "image.tag=$version" --atomic --wait --timeout "$ROLL_OUT_TIME_MAX"
}

case "${1:-}" in
  image) build_image "${2:?which version?}" ;;
  compose) shift && compose "$@" ;;
  release) release "${2:?which stage?}" "${3:?which version?}" ;;
  *) fail "say image, compose or release" ;;
esac
