"""Hold Kubernetes manifests against the API's types and against each other, without a cluster.

::

    python -m services.workbench.manifests infra/kubernetes/overlays/production
    kubectl kustomize infra/kubernetes/base | python -m services.workbench.manifests -

A cluster tells of a wrong type when a manifest is applied, and of a wrong *reference* never: a
Service whose selector matches no pod is a valid Service. So each document is first checked by its
kind (:mod:`.kinds`), then all that are applied together by rules that look from one to the other
(:mod:`.rules`). Both are lists to which a kind or a rule is added.
"""
