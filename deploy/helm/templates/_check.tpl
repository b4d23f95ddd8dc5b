{{/* Mistakes that no schema can see, said before anything is installed. */}}
{{- define "qlik-gateway.check" -}}
{{- if not (regexMatch "^[a-zA-Z][a-zA-Z0-9-]*$" (include "qlik-gateway.name" .)) }}
{{- fail (printf "no Service may be called %s, it has to begin with a letter and have no dots: set fullnameOverride" (include "qlik-gateway.name" .)) }}
{{- end }}
{{- if include "qlik-gateway.embedded" . }}
{{- include "qlik-gateway.checkEmbedded" . }}
{{- else }}
{{- include "qlik-gateway.checkExternal" . }}
{{- end }}
{{- if or (eq (int .Values.ports.http) (int .Values.ports.console)) (has (int .Values.ports.nats) (list (int .Values.ports.http) (int .Values.ports.console))) }}
{{- fail "ports.http, ports.console and ports.nats have to differ: senders must never reach the console" }}
{{- end }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.drainSeconds) 35) }}
{{- fail (printf "terminationGracePeriodSeconds is %d, but a drain of %d and a stop take up to %d: raise it, or lower drainSeconds" (int .Values.terminationGracePeriodSeconds) (int .Values.drainSeconds) (add (int .Values.drainSeconds) 35)) }}
{{- end }}
{{- with (.Values.resources.limits | default dict).memory }}
{{- if and $.Values.goMemLimit (gt (include "qlik-gateway.bytes" $.Values.goMemLimit | float64) (include "qlik-gateway.bytes" . | float64)) }}
{{- fail (printf "goMemLimit is %s, more than resources.limits.memory (%v): the pod would be killed before Go collects; nine tenths of the limit are good" $.Values.goMemLimit .) }}
{{- end }}
{{- end }}
{{- range $label, $value := .Values.podLabels }}
{{- if hasKey $.Values.commonLabels $label }}
{{- fail (printf "the label %s is in podLabels and in commonLabels: take it out of one" $label) }}
{{- end }}
{{- end }}
{{- with .Values.test.source }}
{{- $source := get ($.Values.config.sources | default dict) . | default dict }}
{{- if or (not $source) (hasKey $source "nats") }}
{{- fail (printf "test.source is %s, which is no source of config.sources that takes webhooks" .) }}
{{- end }}
{{- end }}
{{- include "qlik-gateway.checkSecrets" . }}
{{- include "qlik-gateway.checkMounts" . }}
{{- include "qlik-gateway.checkEgress" . }}
{{- end }}

{{- define "qlik-gateway.checkEmbedded" -}}
{{- if gt (int .Values.replicas) 1 }}
{{- fail (printf "replicas is %d, but the embedded broker's store belongs to one process: leave it out, or set broker.mode: external" (int .Values.replicas)) }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- fail "autoscaling.enabled needs broker.mode: external; the embedded broker allows one replica" }}
{{- end }}
{{- if .Values.broker.external.url }}
{{- fail "broker.external.url is set, but broker.mode is embedded, which would not use it: set broker.mode: external, or take the address out" }}
{{- end }}
{{- with .Values.broker.embedded.nats }}
{{- if and .enabled .tls.existingSecret (not (and .tls.cert .tls.key)) }}
{{- fail "broker.embedded.nats.tls needs cert and key: the keys of its Secret with the server's certificate" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "qlik-gateway.checkExternal" -}}
{{- if .Values.restore.enabled }}
{{- fail "restore.enabled is for the embedded broker; an external NATS cluster is restored with its own tools" }}
{{- end }}
{{- if .Values.broker.embedded.nats.enabled }}
{{- fail "broker.embedded.nats.enabled lets clients into the embedded broker, but broker.mode is external: let them into your NATS servers, and take it out" }}
{{- end }}
{{- range splitList "," .Values.broker.external.url }}
{{- if not (regexMatch "^(nats|tls|ws|wss)://[^/\\s]+$" (trim .)) }}
{{- fail (printf "broker.external.url: %q is no address of a NATS server, such as nats://nats.messaging:4222" .) }}
{{- end }}
{{- if contains "@" . }}
{{- fail "broker.external.url has a user in it, which would stand in a ConfigMap: use broker.external.credentials" }}
{{- end }}
{{- end }}
{{- with .Values.broker.external.tls }}
{{- if and .existingSecret (ne (empty .cert) (empty .key)) }}
{{- fail "broker.external.tls needs both cert and key for a client's certificate, or none of them" }}
{{- end }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas is %d, more than maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- if not ($.Values.resources.requests | default dict).cpu }}
{{- fail "autoscaling goes by a share of resources.requests.cpu, which is not set" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Every secret that the configuration names has to be somewhere in the pod. */}}
{{- define "qlik-gateway.checkSecrets" -}}
{{- range $line := regexFindAll "(?m)(: |- )\"?(file|env):[^\"\\s]+\"?$" (include "qlik-gateway.config" .) -1 }}
{{- $reference := regexFind "(file|env):[^\"\\s]+" $line }}
{{- $path := trimPrefix "file:" $reference }}
{{- if hasPrefix "env:" $reference }}
{{- $known := not (empty $.Values.extraEnvFrom) }}
{{- range $.Values.extraEnv }}
{{- $known = or $known (eq .name (trimPrefix "env:" $reference)) }}
{{- end }}
{{- if not $known }}
{{- fail (printf "the configuration reads %s, which the pod does not have: add it to extraEnv, or read a file of a Secret (see secrets)" $reference) }}
{{- end }}
{{- else if hasPrefix "/etc/gateway/secrets/" $path }}
{{- $concern := regexReplaceAll "/.*" (trimPrefix "/etc/gateway/secrets/" $path) "" }}
{{- if not (hasKey $.Values.secrets $concern) }}
{{- fail (printf "the configuration reads secrets from /etc/gateway/secrets/%s; say in which Secret they are: secrets.%s.existingSecret" $concern $concern) }}
{{- end }}
{{- if not (regexMatch "^/etc/gateway/secrets/[^/]+/[^/]+$" $path) }}
{{- fail (printf "the configuration reads %s; a secret is file:/etc/gateway/secrets/%s/<key of the Secret>" $reference $concern) }}
{{- end }}
{{- else }}
{{- $known := false }}
{{- range $.Values.extraVolumeMounts }}
{{- $known = or $known (eq $path .mountPath) (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $path) }}
{{- end }}
{{- if not $known }}
{{- fail (printf "the configuration reads %s, where nothing is mounted: file:/etc/gateway/secrets/<concern>/<key> (see secrets), or a mount of extraVolumeMounts" $reference) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "qlik-gateway.checkMounts" -}}
{{- $volumes := concat (list "config" "data") (keys (include "qlik-gateway.secrets" . | fromJson)) }}
{{- range .Values.extraVolumes }}
{{- if has .name $volumes }}
{{- fail (printf "extraVolumes: %s is a volume already, call it something else" .name) }}
{{- end }}
{{- $volumes = append $volumes .name }}
{{- end }}
{{- range .Values.extraVolumeMounts }}
{{- if not (has .name $volumes) }}
{{- fail (printf "extraVolumeMounts: there is no volume %s; add it to extraVolumes" .name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where else the gateway calls: issuers of senders' tokens, and a collector of traces. */}}
{{- define "qlik-gateway.asked" -}}
{{- $asked := dict }}
{{- range $name, $source := .Values.config.sources }}
{{- range $issuer := regexFindAll "\"issuer\":\"https?://[^\"]+" (toJson $source) -1 }}
{{- $_ := set $asked (printf "the issuer of config.sources.%s" $name) (trimPrefix "\"issuer\":\"" $issuer) }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if and (regexMatch "^OTEL_EXPORTER_OTLP_(TRACES_)?ENDPOINT$" .name) .value }}
{{- $_ := set $asked (printf "%s of extraEnv" .name) .value }}
{{- end }}
{{- end }}
{{- toJson $asked }}
{{- end }}

{{/* What the NetworkPolicy would cut the gateway off from. A rule of egress.extra without ports may open anything. */}}
{{- define "qlik-gateway.checkEgress" -}}
{{- $open := list "53" }}
{{- $closed := .Values.networkPolicy.enabled }}
{{- range .Values.networkPolicy.egress.extra }}
{{- if not .ports }}{{ $closed = false }}{{ end }}
{{- range .ports }}
{{- if or (not .port) .endPort (not (regexMatch "^[0-9]+$" (toString .port))) }}{{ $closed = false }}{{ end }}
{{- $open = append $open (toString .port) }}
{{- end }}
{{- end }}
{{- range .Values.networkPolicy.egress.ports }}
{{- $open = append $open (toString .) }}
{{- end }}
{{- if $closed }}
{{- $called := include "qlik-gateway.asked" . | fromJson }}
{{- range $name, $tenant := .Values.config.tenants }}
{{- $_ := set $called (printf "config.tenants.%s.url" $name) (get $tenant "url" | default "") }}
{{- end }}
{{- range $name, $subscription := .Values.config.subscriptions }}
{{- if kindIs "map" $subscription }}
{{- $_ := set $called (printf "config.subscriptions.%v.url" $name) (get $subscription "url" | default "") }}
{{- end }}
{{- end }}
{{- range $key, $url := $called }}
{{- $port := regexFind ":[0-9]+(/|$)" $url | trimPrefix ":" | trimSuffix "/" | default (hasPrefix "http://" $url | ternary "80" "443") }}
{{- if not (or (has $port $open) (hasPrefix "env:" $url) (hasPrefix "file:" $url)) }}
{{- fail (printf "%s is called at port %s, which the NetworkPolicy closes: add it to networkPolicy.egress.ports" $key $port) }}
{{- end }}
{{- end }}
{{- range .Values.networkPolicy.egress.natsPorts }}
{{- $open = append $open (toString .) }}
{{- end }}
{{- range splitList "," (eq $.Values.broker.mode "external" | ternary .Values.broker.external.url "") }}
{{- $port := regexFind ":[0-9]+$" (trim .) | trimPrefix ":" | default "4222" }}
{{- if and . (not (has $port $open)) }}
{{- fail (printf "broker.external.url has port %s, which the NetworkPolicy closes: add it to networkPolicy.egress.natsPorts" $port) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* How many bytes a quantity such as 512Mi, 1G or 460MiB is. */}}
{{- define "qlik-gateway.bytes" -}}
{{- $units := dict "" 1.0 "k" 1e3 "K" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "m" 0.001 }}
{{- $text := toString . | trimSuffix "B" }}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $units (regexFind "[a-zA-Z]*$" $text)) }}
{{- end }}
