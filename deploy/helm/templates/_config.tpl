{{/* The broker as the gateway's configuration knows it. */}}
{{- define "qlik-gateway.broker" -}}
{{- $broker := dict "prefix" .Values.broker.prefix }}
{{- with .Values.broker.journalBytes }}
{{- $_ := set $broker "journal_bytes" (int64 .) }}
{{- end }}
{{- if include "qlik-gateway.embedded" . }}
{{- $_ := set $broker "data_dir" "/var/lib/gateway/store" }}
{{- with .Values.broker.embedded.nats }}
{{- if .enabled }}
{{- $_ := set $broker "listen" (printf ":%d" (int $.Values.ports.nats)) }}
{{- $_ := set $broker "users" .users }}
{{- if .tls.existingSecret }}
{{- $_ := set $broker "tls" (include "qlik-gateway.tls" .tls | fromJson) }}
{{- end }}
{{- end }}
{{- end }}
{{- else }}
{{- with .Values.broker.external }}
{{- $_ := set $broker "url" .url }}
{{- $_ := set $broker "replicas" (int .replicas) }}
{{- if .credentials.existingSecret }}
{{- $_ := set $broker "credentials" (printf "/etc/gateway/nats/credentials/%s" .credentials.key) }}
{{- end }}
{{- if .edgeCredentials.existingSecret }}
{{- $_ := set $broker "edge_credentials" (printf "/etc/gateway/nats/edge-credentials/%s" .edgeCredentials.key) }}
{{- end }}
{{- if .tls.existingSecret }}
{{- $_ := set $broker "tls" (include "qlik-gateway.tls" .tls | fromJson) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $broker }}
{{- end }}

{{/* Where the certificates are mounted, as a JSON object. */}}
{{- define "qlik-gateway.tls" -}}
{{- $tls := dict }}
{{- range $part, $key := pick . "ca" "cert" "key" }}
{{- with $key }}
{{- $_ := set $tls $part (printf "/etc/gateway/nats/tls/%s" .) }}
{{- end }}
{{- end }}
{{- toJson $tls }}
{{- end }}

{{/* The whole configuration file. */}}
{{- define "qlik-gateway.config" -}}
http:
  addr: {{ printf ":%d" (int .Values.ports.http) | quote }}
  {{- with .Values.config.http }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
console:
  addr: {{ printf ":%d" (int .Values.ports.console) | quote }}
  {{- with .Values.config.console }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
broker:
  {{- include "qlik-gateway.broker" . | nindent 2 }}
{{- $config := omit (deepCopy .Values.config) "http" "console" }}
{{- range $rule := $config.rules }}
{{- range list $rule (get $rule "retry" | default dict) }}
{{- /* Helm reads values as YAML 1.1, where the key `on` is the truth value. */}}
{{- if hasKey . "true" }}
{{- $_ := set . "on" (get . "true") }}
{{- $_ := unset . "true" }}
{{- end }}
{{- end }}
{{- end }}
{{ toYaml $config }}
{{- end }}

{{/* Volumes from Secrets, as a JSON object: name of the volume -> existingSecret and path. */}}
{{- define "qlik-gateway.secrets" -}}
{{- $mounts := dict }}
{{- range $concern, $secret := .Values.secrets }}
{{- $_ := set $mounts (printf "secret-%s" $concern) (dict "secret" $secret.existingSecret "path" (printf "/etc/gateway/secrets/%s" $concern)) }}
{{- end }}
{{- $broker := dict }}
{{- if not (include "qlik-gateway.embedded" .) }}
{{- $broker = dict "credentials" .Values.broker.external.credentials "edge-credentials" .Values.broker.external.edgeCredentials "tls" .Values.broker.external.tls }}
{{- else if .Values.broker.embedded.nats.enabled }}
{{- $broker = dict "tls" .Values.broker.embedded.nats.tls }}
{{- end }}
{{- range $volume, $part := $broker }}
{{- if $part.existingSecret }}
{{- $_ := set $mounts (printf "nats-%s" $volume) (dict "secret" $part.existingSecret "path" (printf "/etc/gateway/nats/%s" $volume)) }}
{{- end }}
{{- end }}
{{- toJson $mounts }}
{{- end }}
