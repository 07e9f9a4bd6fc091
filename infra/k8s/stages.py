"""Writes base/stages.yaml: the manifests of every installed stage, one Deployment for each.

Run it when a stage is added or its inputs change: ``python infra/k8s/stages.py``.
"""

from __future__ import annotations

from pathlib import Path

from lineal.stages.declaration import Stage
from lineal.stages.discovery import installed_stages
from lineal.stages.topics import stage_topics

FILE = Path(__file__).parent / "base" / "stages.yaml"

_HEAD = "# Written by infra/k8s/stages.py from the installed stages: do not edit by hand.\n"
_HEAVY = {"ocr"}
"""Stages that want a processor and a gigabyte for themselves."""

_MANIFESTS = """---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: &labels
    app.kubernetes.io/component: stage
    lineal/stage: {stage}
spec:
  # no replicas: KEDA owns them
  revisionHistoryLimit: 3
  strategy:
    rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}
  selector:
    matchLabels: {{lineal/stage: {stage}}}
  template:
    metadata:
      labels: *labels
    spec:
      serviceAccountName: lineal
      automountServiceAccountToken: false
      enableServiceLinks: false
      # longer than the drain budget (LINEAL_DRAIN_SECONDS)
      terminationGracePeriodSeconds: 60
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        seccompProfile: {{type: RuntimeDefault}}
{before}      containers:
        - name: lineal
          image: lineal
          args: [run, {stage}, --port, "8480"]
          envFrom:
            - configMapRef: {{name: lineal}}
            - secretRef: {{name: lineal}}
          env:
            - {{name: LINEAL_BUS, value: "kafka://$(KAFKA_BOOTSTRAP)"}}
            - name: LINEAL_KAFKA__MEMBER_ID
              valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}
{environment}          ports:
            - {{name: http, containerPort: 8480}}
          startupProbe:
            httpGet: {{path: /healthz, port: http}}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {{path: /healthz, port: http}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {{path: /readyz, port: http}}
            periodSeconds: 10
            timeoutSeconds: 8
          resources:
            requests: {{cpu: {cpu}, memory: {memory}, ephemeral-storage: 1Gi}}
            limits: {{memory: {max_memory}, ephemeral-storage: 8Gi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: data, mountPath: /data}}
            - {{name: tmp, mountPath: /tmp}}
{mounts}      volumes:
        - {{name: data, emptyDir: {{sizeLimit: 4Gi}}}}
        - {{name: tmp, emptyDir: {{sizeLimit: 4Gi}}}}
{volumes}---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {name}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{lineal/stage: {stage}}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {name}
spec:
  scaleTargetRef: {{name: {name}}}
  minReplicaCount: 1
  # more than there are partitions would stand idle (LINEAL_PARTITIONS)
  maxReplicaCount: 8
  pollingInterval: 15
  cooldownPeriod: 300
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        # each step is a rebalance
        scaleDown: {{stabilizationWindowSeconds: 300}}
  triggers:
"""

_SIGNS = "deploy"
"""The stage that has the key that signs packages; no other may."""

_KEY = {
    "environment": """            - name: LINEAL_STAGES__DEPLOY__KEY_FILE
              value: /run/keys/deploy.pem
""",
    # The stage refuses a key that others can read, and a secret's files are root's and readable by
    # the pod's group.
    "before": """      initContainers:
        - name: deploy-key
          image: lineal
          command: [install, -m, "0600", /run/secrets/deploy.pem, /run/keys/deploy.pem]
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {memory: 64Mi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: deploy-key, mountPath: /run/secrets, readOnly: true}
            - {name: keys, mountPath: /run/keys}
""",
    "mounts": """            - {name: keys, mountPath: /run/keys, readOnly: true}
""",
    "volumes": """        - {name: deploy-key, secret: {secretName: lineal-deploy-key}}
        - {name: keys, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
""",
}

_TRIGGER = """    - type: kafka
      metadata:
        bootstrapServersFromEnv: KAFKA_BOOTSTRAP
        consumerGroup: {stage}
        topic: {topic}
        lagThreshold: "{lag}"
        offsetResetPolicy: earliest
"""


def manifests(stages: dict[str, Stage]) -> str:
    """The manifests of all stages, in the order of their names."""
    return _HEAD + "".join(_of(stage) for _, stage in sorted(stages.items()))


def _of(stage: Stage) -> str:
    heavy = stage.name in _HEAVY
    made = _MANIFESTS.format(
        name=f"stage-{stage.name.replace('.', '-').replace('_', '-')}",
        stage=stage.name,
        cpu='"1"' if heavy else "100m",
        memory="1Gi" if heavy else "384Mi",
        max_memory="6Gi" if heavy else "2Gi",
        **(_KEY if stage.name == _SIGNS else dict.fromkeys(_KEY, "")),
    )
    return made + "".join(
        _TRIGGER.format(stage=stage.name, topic=topic, lag=20 if heavy else 500)
        for topic in stage_topics(stage)
    )


if __name__ == "__main__":
    FILE.write_text(manifests(installed_stages()))
