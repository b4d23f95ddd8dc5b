{{/* The pod, the same in both modes but for the embedded broker's volume. */}}
{{- define "qlik-gateway.pod" -}}
metadata:
  {{- if or .Values.rollOnChange .Values.podAnnotations }}
  annotations:
    {{- if .Values.rollOnChange }}
    checksum/config: {{ include "qlik-gateway.config" . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  labels:
    {{- include "qlik-gateway.labels" . | nindent 4 }}
    app.kubernetes.io/component: gateway
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- include "qlik-gateway.place" . | nindent 2 }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if not (include "qlik-gateway.embedded" .) }}
  topologySpreadConstraints:
    {{- with .Values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "qlik-gateway.selector" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: gateway
      {{- include "qlik-gateway.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "qlik-gateway.volumes" . | nindent 4 }}
    {{- if and (include "qlik-gateway.embedded" .) .Values.broker.embedded.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim: {claimName: {{ include "qlik-gateway.claim" . }}}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* As whom, with what right and where every pod of the release runs. The release's own
account is not there yet, or not any more, when a hook runs: that one says another. */}}
{{- define "qlik-gateway.place" -}}
serviceAccountName: {{ .account | default (include "qlik-gateway.serviceAccount" .) }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "qlik-gateway.container" -}}
image: {{ include "qlik-gateway.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - --config=/etc/gateway/config/gateway.yaml
  - --log-level={{ .Values.logLevel }}
  {{- with .Values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  {{- with .Values.goMemLimit }}
  - {name: GOMEMLIMIT, value: {{ . | quote }}}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: {{ .Values.ports.http }}}
  - {name: console, containerPort: {{ .Values.ports.console }}}
  {{- if and (include "qlik-gateway.embedded" .) .Values.broker.embedded.nats.enabled }}
  - {name: nats, containerPort: {{ .Values.ports.nats }}}
  {{- end }}
# The console opens first and closes last, so it answers for the whole process; readiness is red
# until the store is open and once a stop began. None of them asks for Qlik: while it is down, events are kept.
startupProbe:
  httpGet: {path: /healthz, port: console}
  periodSeconds: 2
  failureThreshold: {{ max 1 (div .Values.startSeconds 2) }}
livenessProbe:
  httpGet: {path: /healthz, port: console}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: console}
  periodSeconds: 5
  timeoutSeconds: 4
  failureThreshold: 2
{{- if .Values.drainSeconds }}
lifecycle:
  preStop:
    sleep: {seconds: {{ .Values.drainSeconds }}}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "qlik-gateway.mounts" . | nindent 2 }}
  {{- if include "qlik-gateway.embedded" . }}
  - {name: data, mountPath: /var/lib/gateway}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Configuration and secrets are whole folders: a subPath would never be refreshed. */}}
{{- define "qlik-gateway.mounts" -}}
- {name: config, mountPath: /etc/gateway/config, readOnly: true}
{{- range $volume, $mount := include "qlik-gateway.secrets" . | fromJson }}
- {name: {{ $volume }}, mountPath: {{ $mount.path }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "qlik-gateway.volumes" -}}
- name: config
  configMap: {name: {{ include "qlik-gateway.name" . }}{{ with .config }}-{{ . }}{{ end }}}
{{- range $volume, $mount := include "qlik-gateway.secrets" . | fromJson }}
- name: {{ $volume }}
  secret: {secretName: {{ $mount.secret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* A container that reads the configuration as the gateway would, and says what is wrong. */}}
{{- define "qlik-gateway.checking" -}}
image: {{ include "qlik-gateway.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [check, --config=/etc/gateway/config/gateway.yaml]
{{- include "qlik-gateway.reading" . | nindent 0 }}
{{- end }}

{{/* What a container has that reads the configuration with its secrets. */}}
{{- define "qlik-gateway.reading" -}}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "qlik-gateway.mounts" . | nindent 2 }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
