package deploy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
)

// TestBinaryRunsAsTheChartSays: the program, built as the image builds it, starts with
// the arguments, mounts and ConfigMap of the rendered pod, as its user and on a root it
// cannot write to; takes an event; and stops in the time that the pod gives it.
func TestBinaryRunsAsTheChartSays(t *testing.T) {
	t.Parallel()
	binary := build(t)
	secrets := map[string]map[string]string{"qlik-keys": {"acme": "a key"}, "webhook-secrets": {"jobs": "proof of jobs"}}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		runPod(t, binary, "embedded", secrets)
	})
	t.Run("external", func(t *testing.T) {
		t.Parallel()
		url, credentials := externalNATS(t)
		withNATS := map[string]map[string]string{"gateway-nats": {"gateway.creds": string(credentials)}}
		for name, secret := range secrets {
			withNATS[name] = secret
		}
		without := buildExternal(t)
		for _, program := range []string{binary, without} { // one after the other: they are one installation
			runPod(t, program, "external", withNATS, "--set", "broker.external.url="+url, "--set", "broker.external.replicas=1",
				"--set", "networkPolicy.egress.natsPorts={"+url[strings.LastIndex(url, ":")+1:]+"}")
		}
	})
}

// runPod renders a file of values and lives through the pod's life.
func runPod(t *testing.T, binary, values string, secrets map[string]map[string]string, args ...string) {
	t.Helper()
	ports := free(t, 2)
	args = append(args, "--set", fmt.Sprintf("ports.http=%d,ports.console=%d", ports[0], ports[1]),
		"--set", "config.tenants.acme.url=https://127.0.0.1") // nobody is there
	objects := render(t, filepath.Join(chart, "ci", values+"-values.yaml"), args...)
	pod := podOf(t, objects).Spec
	var config core.ConfigMap
	decode(t, one(t, objects, "ConfigMap", configName(objects)), &config)

	container := pod.Containers[0]
	s := sandboxOf(t, pod, container, binary)
	mounts := volumes(t, pod, container, config, secrets)
	s.Mounts = append(s.Mounts, mounts...)
	cmd := s.command(t)
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()

	for _, probe := range []*core.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		address := fmt.Sprintf("http://127.0.0.1:%d%s", portNamed(t, container, probe.HTTPGet.Port.StrVal), probe.HTTPGet.Path)
		await(t, address, ended, log)
	}
	confined(t, cmd.Process.Pid, s.User)
	if status := post(t, portNamed(t, container, "http"), "/hooks/jobs", "proof of jobs"); status != http.StatusAccepted {
		t.Errorf("a webhook was answered %d", status)
	}
	if status := post(t, portNamed(t, container, "http"), "/hooks/jobs", "no proof"); status != http.StatusUnauthorized {
		t.Errorf("an unproven webhook was answered %d", status)
	}
	runHook(t, binary, objects, config, secrets)
	runCheck(t, binary, objects, secrets)
	backup := filepath.Join(t.TempDir(), "gateway.tar")
	if values == "embedded" {
		server := fmt.Sprintf("127.0.0.1:%d", portNamed(t, container, "console"))
		if out, err := exec.Command(binary, "backup", backup, "--server", server).CombinedOutput(); err != nil {
			t.Errorf("backup: %v: %s", err, out)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	grace := *pod.TerminationGracePeriodSeconds - container.Lifecycle.PreStop.Sleep.Seconds
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the program ended with %v:\n%s", err, log)
		}
	case <-time.After(time.Duration(grace) * time.Second):
		t.Fatalf("the program did not end within the %d seconds that the pod leaves it", grace)
	}
	if values == "embedded" {
		data := mounts[slices.IndexFunc(mounts, func(m mount) bool { return m.Path == "/var/lib/gateway" })]
		runRestore(t, binary, render(t, filepath.Join(chart, "ci", values+"-values.yaml"), append(args, "--set", "restore.enabled=true")...), data, backup)
	}
}

// sandboxOf is one of the pod's containers without its volumes, the image being what the
// Dockerfile copies: the program alone.
func sandboxOf(t *testing.T, pod core.PodSpec, container core.Container, binary string) sandbox {
	t.Helper()
	root := t.TempDir()
	program := "/" + filepath.Base(binary)
	if err := exec.Command("cp", binary, root+program).Run(); err != nil {
		t.Fatal(err)
	}
	s := sandbox{
		Root: root, User: int(*pod.SecurityContext.RunAsUser), Group: int(*pod.SecurityContext.FSGroup),
		Mounts: []mount{{Source: "/proc", Path: "/proc"}, {Source: "/dev", Path: "/dev"}},
		Args:   append([]string{program}, container.Args...),
	}
	for _, variable := range container.Env {
		s.Env = append(s.Env, variable.Name+"="+variable.Value)
	}
	return s
}

// volumes makes the folders that a container of the pod mounts.
func volumes(t *testing.T, pod core.PodSpec, container core.Container, config core.ConfigMap, secrets map[string]map[string]string) []mount {
	t.Helper()
	files := map[string]map[string]string{}
	for _, volume := range pod.Volumes {
		switch {
		case volume.PersistentVolumeClaim != nil:
			continue
		case volume.ConfigMap != nil && volume.ConfigMap.Name == config.Name:
			files[volume.Name] = config.Data
		case volume.Secret != nil:
			files[volume.Name] = secrets[volume.Secret.SecretName]
		default:
			t.Fatalf("volume %s is of a kind that this test does not know", volume.Name)
		}
	}
	var mounts []mount
	for _, m := range container.VolumeMounts {
		folder := t.TempDir()
		content, known := files[m.Name]
		for name, text := range content {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o440); err != nil {
				t.Fatal(err)
			}
			own(t, filepath.Join(folder, name), 0, *pod.SecurityContext.FSGroup)
		}
		if !known { // the claim's volume, as a driver hands it over
			if err := os.Chmod(folder, 0o2775); err != nil {
				t.Fatal(err)
			}
			own(t, folder, 0, *pod.SecurityContext.FSGroup)
		}
		mounts = append(mounts, mount{Source: folder, Path: m.MountPath, ReadOnly: m.ReadOnly})
	}
	return mounts
}

// own gives a file away, where this process may.
func own(t *testing.T, name string, user, group int64) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.Chown(name, int(user), int(group)); err != nil {
			t.Fatal(err)
		}
	}
}

// confined checks that a process has the user that was asked for, no privilege, and a
// root that is closed for writing.
func confined(t *testing.T, pid, user int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	uid := user
	if os.Geteuid() != 0 {
		uid = os.Geteuid() // is the user's number outside of its namespace
	}
	for _, want := range []string{fmt.Sprintf("Uid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", uid), "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !bytes.Contains(status, []byte(want)) {
			t.Errorf("the process is not confined: no %q in\n%s", want, status)
		}
	}
	mounts, err := os.Open(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mounts.Close() //nolint:errcheck // only read
	root := ""
	for scanner := bufio.NewScanner(mounts); scanner.Scan(); {
		if fields := strings.Fields(scanner.Text()); fields[4] == "/" {
			root = fields[5]
		}
	}
	if !strings.HasPrefix(root, "ro") {
		t.Errorf("the root is mounted %q", root)
	}
}

// await asks until the answer is 200.
func await(t *testing.T, address string, ended <-chan error, log *bytes.Buffer) {
	t.Helper()
	for deadline := time.After(patience); ; {
		response, err := http.Get(address)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("the program ended with %v:\n%s", err, log)
		case <-deadline:
			t.Fatalf("%s: no 200 within %v", address, patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func post(t *testing.T, port int32, path, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), strings.NewReader(`{"job": "nightly"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func portNamed(t *testing.T, container core.Container, name string) int32 {
	t.Helper()
	for _, port := range container.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	t.Fatalf("the container has no port %s", name)
	return 0
}

// free returns ports that nobody listens on.
func free(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() //nolint:errcheck // it only keeps the port until all are found
		_, text, _ := net.SplitHostPort(listener.Addr().String())
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}
