package deploy_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
)

// runCheck runs what an upgrade begins with, also on a configuration that has a mistake.
func runCheck(t *testing.T, binary string, objects []object, secrets map[string]map[string]string) {
	t.Helper()
	var job batch.Job
	var config core.ConfigMap
	decode(t, one(t, objects, "Job", "-check"), &job)
	decode(t, one(t, objects, "ConfigMap", "-check"), &config)
	pod := job.Spec.Template.Spec
	for _, right := range []bool{true, false} {
		if !right {
			config.Data["gateway.yaml"] += "\nrulez: []\n"
		}
		s := sandboxOf(t, pod, pod.Containers[0], binary)
		s.Mounts = append(s.Mounts, volumes(t, pod, pod.Containers[0], config, secrets)...)
		if out, err := s.command(t).CombinedOutput(); (err == nil) != right {
			t.Errorf("check before an upgrade, right %t: %v: %s", right, err, out)
		}
	}
}

// runRestore runs the pod that puts a backup back, on the volume that the gateway had.
func runRestore(t *testing.T, binary string, objects []object, data mount, backup string) {
	t.Helper()
	var config core.ConfigMap
	var restore core.Pod
	decode(t, one(t, objects, "ConfigMap", configName(objects)), &config)
	decode(t, one(t, objects, "Pod", "-restore"), &restore)
	container := restore.Spec.Containers[0]
	s := sandboxOf(t, restore.Spec, container, binary)
	for _, m := range volumes(t, restore.Spec, container, config, nil) {
		if m.Path == data.Path {
			m.Source = data.Source
		}
		s.Mounts = append(s.Mounts, m)
	}
	cmd := s.command(t)
	file, err := os.Open(backup)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	cmd.Stdin = file
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("is as it was at")) {
		t.Errorf("restore: %v: %s", err, out)
	}
	kept, err := filepath.Glob(filepath.Join(data.Source, "store.*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept beside it: %v, %v", kept, err)
	}
}

// runHook runs what `helm test` would, on this machine's addresses of the Services: not the
// loopback's, for another pod is not on the gateway's machine.
func runHook(t *testing.T, binary string, objects []object, config core.ConfigMap, secrets map[string]map[string]string) {
	t.Helper()
	pod := podOf(t, objects).Spec
	machine := outside(t)
	addresses := strings.NewReplacer("demo-qlik-gateway-console", machine,
		"demo-qlik-gateway:80", fmt.Sprintf("%s:%d", machine, portNamed(t, pod.Containers[0], "http")))
	var hook core.Pod
	decode(t, one(t, objects, "Pod", "-test"), &hook)
	for _, container := range hook.Spec.Containers {
		for i, arg := range container.Args {
			container.Args[i] = addresses.Replace(arg)
		}
		s := sandboxOf(t, hook.Spec, container, binary)
		s.Mounts = append(s.Mounts, volumes(t, hook.Spec, container, config, secrets)...)
		if out, err := s.command(t).CombinedOutput(); err != nil {
			t.Errorf("helm test, %s: %v: %s", container.Name, err, out)
		}
	}
}

// outside returns an address of this machine that is not the loopback's.
func outside(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	t.Log("this machine has no address but the loopback's, where the console lets anybody in")
	return "127.0.0.1"
}
