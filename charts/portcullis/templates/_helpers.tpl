{{- define "portcullis.labels" -}}
app.kubernetes.io/name: portcullis
app.kubernetes.io/component: operator
{{- end -}}

{{- define "portcullis.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /*
The text of one of our manifests, as it stands in the repository but for the namespace, which the service account's user
name holds, too. It is not read as YAML and written again: that would change large numbers.
*/ -}}
{{- define "portcullis.manifest" -}}
{{ .root.Files.Get .path | replace "portcullis-system" .root.Release.Namespace }}
{{- end -}}

{{- /* Helm must leave these alone when the release goes: without them grants would lose their guards, or their records. */ -}}
{{- define "portcullis.kept" -}}
{{- $keep := "helm.sh/resource-policy: keep" -}}
{{- if regexMatch "(?m)^  annotations:" . -}}
{{ regexReplaceAll "(?m)^  annotations:.*$" . (printf "  annotations:\n    %s" $keep) }}
{{- else -}}
{{ regexReplaceAll "(?m)^metadata:$" . (printf "metadata:\n  annotations:\n    %s" $keep) }}
{{- end -}}
{{- end -}}
