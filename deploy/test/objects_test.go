package deploy_test

import (
	"path/filepath"
	"slices"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	routes "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/json"
)

// newTyped returns an empty object of the published Go type, or nil for a kind that
// the chart has no business with.
func newTyped(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "v1 ConfigMap":
		return new(core.ConfigMap)
	case "v1 Pod":
		return new(core.Pod)
	case "v1 Service":
		return new(core.Service)
	case "v1 ServiceAccount":
		return new(core.ServiceAccount)
	case "apps/v1 Deployment":
		return new(apps.Deployment)
	case "apps/v1 StatefulSet":
		return new(apps.StatefulSet)
	case "batch/v1 Job":
		return new(batch.Job)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return new(autoscaling.HorizontalPodAutoscaler)
	case "networking.k8s.io/v1 Ingress":
		return new(networking.Ingress)
	case "networking.k8s.io/v1 NetworkPolicy":
		return new(networking.NetworkPolicy)
	case "policy/v1 PodDisruptionBudget":
		return new(policy.PodDisruptionBudget)
	case "gateway.networking.k8s.io/v1 HTTPRoute":
		return new(routes.HTTPRoute)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return new(monitoring.ServiceMonitor)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return new(monitoring.PrometheusRule)
	}
	return nil
}

// decode reads an object into its type; a field that the type does not have fails.
func decode(t *testing.T, o object, into any) {
	t.Helper()
	unknown, err := json.UnmarshalStrict(o.json, into)
	if err != nil || len(unknown) > 0 {
		t.Errorf("%s %s: %v %v", o.Kind, o.Metadata.Name, err, unknown)
	}
}

func TestEveryObjectIsOfItsAPIsType(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, values := range valuesFiles(t) {
		objects := render(t, values)
		if podIs(objects, "StatefulSet") {
			objects = append(objects, render(t, values, "--set", "restore.enabled=true")...)
		}
		for _, o := range objects {
			into := newTyped(o.APIVersion, o.Kind)
			if into == nil {
				t.Errorf("%s: %s %s is no object of this chart", values, o.APIVersion, o.Kind)
				continue
			}
			decode(t, o, into)
			kinds[o.Kind] = true
		}
	}
	if len(kinds) != 14 {
		t.Errorf("rendered %d kinds, want all 14: %v", len(kinds), kinds)
	}
}

// podIs says whether a workload of that kind is among the objects.
func podIs(objects []object, kind string) bool {
	return slices.ContainsFunc(objects, func(o object) bool { return o.Kind == kind })
}

// podsOf returns every pod that is ever made of the objects.
func podsOf(t *testing.T, objects []object) []core.PodSpec {
	t.Helper()
	pods := []core.PodSpec{podOf(t, objects).Spec}
	for _, o := range objects {
		switch o.Kind {
		case "Pod":
			var pod core.Pod
			decode(t, o, &pod)
			pods = append(pods, pod.Spec)
		case "Job":
			var job batch.Job
			decode(t, o, &job)
			pods = append(pods, job.Spec.Template.Spec)
		}
	}
	return pods
}

// podOf returns the pod that a rendered workload makes.
func podOf(t *testing.T, objects []object) core.PodTemplateSpec {
	t.Helper()
	if podIs(objects, "StatefulSet") {
		var set apps.StatefulSet
		decode(t, one(t, objects, "StatefulSet", ""), &set)
		return set.Spec.Template
	}
	var deployment apps.Deployment
	decode(t, one(t, objects, "Deployment", ""), &deployment)
	return deployment.Spec.Template
}

func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	for _, values := range valuesFiles(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			t.Parallel()
			objects := render(t, values)
			pods := podsOf(t, objects)
			if podIs(objects, "StatefulSet") {
				pods = append(pods, podsOf(t, render(t, values, "--set", "restore.enabled=true"))...)
			}
			if len(pods) < 3 {
				t.Errorf("%d pods, want the gateway's, the test's and the check's", len(pods))
			}
			for _, pod := range pods {
				restricted(t, pod)
				admitted(t, pod)
			}
		})
	}
}

// restricted holds a pod to more than the Pod Security Standard of that name.
func restricted(t *testing.T, pod core.PodSpec) {
	t.Helper()
	if token := pod.AutomountServiceAccountToken; token == nil || *token {
		t.Error("the pod has a service account's token")
	}
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 {
		t.Errorf("the pod may be root: %+v", s)
	}
	if s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("seccomp: %+v", s.SeccompProfile)
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod shares the host's namespaces")
	}
	for _, c := range pod.Containers {
		if c.Name == "sidecar" {
			continue
		}
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			t.Errorf("%s may write to its root", c.Name)
		}
		if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
			t.Errorf("%s may gain privileges", c.Name)
		}
		if s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
			t.Errorf("%s has capabilities: %+v", c.Name, s.Capabilities)
		}
	}
}

// TestSelectorsFindTheirPods: a Service or policy that selects nothing is silent.
func TestSelectorsFindTheirPods(t *testing.T) {
	t.Parallel()
	for _, values := range valuesFiles(t) {
		objects := render(t, values)
		pod := podOf(t, objects)
		ports := map[string]bool{}
		for _, port := range pod.Spec.Containers[0].Ports {
			ports[port.Name] = true
		}
		for _, o := range objects {
			switch o.Kind {
			case "Service":
				var service core.Service
				decode(t, o, &service)
				selects(t, o, service.Spec.Selector, pod.Labels)
				for _, port := range service.Spec.Ports {
					if !ports[port.TargetPort.StrVal] {
						t.Errorf("%s leads to port %s, which no container has", o.Metadata.Name, port.TargetPort.StrVal)
					}
				}
			case "NetworkPolicy":
				var networks networking.NetworkPolicy
				decode(t, o, &networks)
				selects(t, o, networks.Spec.PodSelector.MatchLabels, pod.Labels)
			case "PodDisruptionBudget":
				var budget policy.PodDisruptionBudget
				decode(t, o, &budget)
				selects(t, o, budget.Spec.Selector.MatchLabels, pod.Labels)
			case "ServiceMonitor":
				var monitor monitoring.ServiceMonitor
				decode(t, o, &monitor)
				selects(t, o, monitor.Spec.Selector.MatchLabels, one(t, objects, "Service", "-console").Metadata.Labels)
			}
		}
	}
}

func selects(t *testing.T, o object, selector, labels map[string]string) {
	t.Helper()
	if len(selector) == 0 {
		t.Errorf("%s %s selects everything", o.Kind, o.Metadata.Name)
	}
	for name, value := range selector {
		if labels[name] != value {
			t.Errorf("%s %s selects %s=%s, but it is %q", o.Kind, o.Metadata.Name, name, value, labels[name])
		}
	}
}
