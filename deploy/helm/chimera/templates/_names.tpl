{{- define "chimera.name" -}}{{ .root.Release.Name }}-{{ .role }}{{- end }}

{{- define "chimera.selector" -}}
app.kubernetes.io/name: chimera
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "chimera.labels" -}}
{{ include "chimera.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "chimera.pod" -}}
serviceAccountName: {{ include "chimera.name" . }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ .root.Values.spread }}
    labelSelector:
      matchLabels: {{ include "chimera.selector" . | nindent 8 }}
{{- end }}

{{- define "chimera.container" -}}
image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}"
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [{{ .role }}]
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
startupProbe:
  httpGet: {path: /ready, port: health}
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /ready, port: health}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /live, port: health}
  periodSeconds: 10
  failureThreshold: 3
{{- end }}
