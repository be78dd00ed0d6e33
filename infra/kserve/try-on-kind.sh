#!/bin/sh
# The manifests of infra/kserve on a cluster of one node, from nothing to predictions:
#
#     infra/kserve/try-on-kind.sh
#
# Needs docker, kind, kubectl and helm, about 20 GB of disk, and "make environment" before. The
# cluster is called serving-labs; "kind delete cluster --name serving-labs" deletes it.
# On a second run it continues with the existing cluster.
set -eu

: "${KSERVE_VERSION:=v0.21.0}"
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
run() { .venv/bin/python -m services python -m "$@"; }
in_cluster() { kubectl --namespace serving-labs-kserve "$@"; }

# 1. A cluster, and KServe in Standard mode by its own script (cert-manager and a gateway included).
kind get clusters | grep -qx serving-labs || kind create cluster --name serving-labs --wait 120s
if ! kubectl get crd inferenceservices.serving.kserve.io >/dev/null 2>&1; then
    script=hack/setup/quick-install/kserve-standard-mode-full-install-with-manifests.sh
    [ -d build/kserve ] ||
        git clone --depth 1 --branch "$KSERVE_VERSION" https://github.com/kserve/kserve build/kserve
    (cd build/kserve && bash "$script")
fi
kubectl wait --for=condition=Available deployment --all --namespace kserve --timeout=300s

# 2. Our images, into the node.
run services.id_card.kserve.image
run services.id_card.bento.build container
kind load docker-image --name serving-labs serving_labs_kserve:0.2.0 id_card_detector:0.2.0

# 3. The API server's own verdict: types and webhooks, nothing is kept.
kubectl apply --filename infra/kserve/base/namespace.yaml
kubectl apply --kustomize infra/kserve/overlays/local --dry-run=server

# 4. A model into the volume, then everything.
for version in prod staging; do
    file=build/kserve-models/$version/recommender.npz
    [ -f "$file" ] || run services.recommender.training.train --model popularity --out "$file"
done
kubectl apply --kustomize infra/kserve/overlays/local
in_cluster wait --for=condition=Ready pod/model-upload --timeout=180s
in_cluster exec model-upload -- mkdir -p /models/recommender
for version in prod staging; do
    in_cluster cp "build/kserve-models/$version" "model-upload:/models/recommender"
done

# 5. Until all are ready: the services, then the graphs, which call them.
in_cluster wait --for=condition=Ready inferenceservice --all --timeout=600s
in_cluster wait --for=condition=Ready inferencegraph --all --timeout=300s

# 6. One request to each kind of service. A port is forwarded to the Service that KServe made.
ask() { # Service, path, body
    in_cluster port-forward "service/$1" 8080:80 >build/port-forward.log 2>&1 &
    forward=$!
    trap 'kill $forward 2>/dev/null || true' EXIT
    curl --silent --show-error --fail --retry 20 --retry-connrefused --retry-delay 1 \
        --header "Content-Type: application/json" --data "$3" "http://127.0.0.1:8080$2"
    echo
    kill $forward
    wait $forward 2>/dev/null || true
}
picture=$(base64 <services/id_card/samples/two_cards.jpg | tr -d '\n')
pictures="{\"instances\": [{\"image_b64\": \"$picture\"}]}"
question='{"inputs": [{"name": "user_id", "shape": [1], "datatype": "INT64", "data": [1]}],
    "parameters": {"content_type": "pd"}}'
ask id-card-predictor /v1/models/id_card:predict "$pictures"
ask id-card-grey-transformer /v1/models/id_card:predict "$pictures"
ask recommender-predictor /v2/models/recommender/infer "$question"
ask id-card-ensemble / "$pictures"
in_cluster get inferenceservices,inferencegraphs,horizontalpodautoscalers
