{{- define "qlik-gateway.name" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "qlik-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "qlik-gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "qlik-gateway.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "qlik-gateway.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "qlik-gateway.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The claim of the embedded broker's volume. */}}
{{- define "qlik-gateway.claim" -}}
{{- .Values.broker.embedded.persistence.existingClaim | default (printf "data-%s-0" (include "qlik-gateway.name" .)) }}
{{- end }}

{{- define "qlik-gateway.embedded" -}}
{{- if eq .Values.broker.mode "embedded" }}true{{ end }}
{{- end }}

{{/* Where senders may go, and nothing else. */}}
{{- define "qlik-gateway.paths" -}}
[{"type": "Prefix", "value": "/hooks"}, {"type": "Exact", "value": "/events"}]
{{- end }}
