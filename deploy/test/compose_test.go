package deploy_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const compose = "../compose"

// TestGatewayWorksOnTheExampleCluster: the three NATS servers of the compose file, with
// the accounts, credentials and certificates that `prepare` makes, are a cluster; the
// gateway keeps three copies on it, a sender of another account gets its answer and hears
// how the reload ended, and nobody gets in or further than the accounts let them.
func TestGatewayWorksOnTheExampleCluster(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	made := prepare(t, folder)
	ports := free(t, 9)
	var urls []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("tls://127.0.0.1:%d", ports[i]))
		startMember(t, folder, i, ports)
	}
	config := replaced(t, filepath.Join(compose, "gateway.yaml"),
		"tls://nats-1:4222,tls://nats-2:4222,tls://nats-3:4222", strings.Join(urls, ","),
		"/etc/gateway/made", made, ":8081", fmt.Sprintf("127.0.0.1:%d", ports[6]), "http://qlik:9090", fmt.Sprintf("http://127.0.0.1:%d", ports[8]),
		"console:", fmt.Sprintf("http: {addr: '127.0.0.1:%d'}\nconsole:", ports[7]))
	file := filepath.Join(folder, "gateway.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	tenant := begin(t, "sim", "--addr", fmt.Sprintf("127.0.0.1:%d", ports[8]), "--seed", "1", "--api-key", "a key", "--reload-time", "100ms")
	await(t, fmt.Sprintf("http://127.0.0.1:%d/_sim/state", ports[8]), tenant.ended, tenant.log)
	gateway := begin(t, "run", "--config", file)
	await(t, fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[6]), gateway.ended, gateway.log)

	trusting := []nats.Option{nats.RootCAs(filepath.Join(made, "ca.crt")), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})} // of what they may not do
	as := func(user string) nats.Option { return nats.UserCredentials(filepath.Join(made, user+".creds")) }
	for who, options := range map[string][]nats.Option{
		"nobody": trusting, "somebody with a password": append(trusting[:2:2], nats.UserInfo("etl", "etl")), "who does not trust the servers": {as("etl")},
	} {
		if conn, err := nats.Connect(urls[0], options...); err == nil {
			conn.Close()
			t.Errorf("%s is let in", who)
		}
	}
	reader, err := nats.Connect(urls[1], append(trusting[:2:2], as("edge"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	sender, err := nats.Connect(urls[2], append(trusting[:2:2], as("etl"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	told, err := sender.SubscribeSync("qlik.events.acme.run.succeeded.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := refused(sender, "etl.other.news"); err != nil {
		t.Errorf("a sender may not send: %v", err)
	}
	answer, err := sender.Request("etl.sales.done", []byte(`{"job": "nightly"}`), patience)
	if err != nil || !bytes.Contains(answer.Data, []byte(`"matches":["refresh-sales"]`)) {
		t.Errorf("the sender got %+v, %v", answer, err)
	}
	if outcome, err := told.NextMsg(patience); err != nil || !bytes.Contains(outcome.Data, []byte(`"rule":"refresh-sales"`)) {
		t.Errorf("the sender heard of the end: %+v, %v", outcome, err)
	}
	for who, conn := range map[string]*nats.Conn{"etl": sender, "edge": reader} {
		for _, subject := range []string{"qlik.events.acme.run.succeeded.forged", "gateway.in.acme.etl", "$JS.API.STREAM.PURGE.GATEWAY_IN"} {
			if err := refused(conn, subject); err == nil {
				t.Errorf("%s may publish to %s", who, subject)
			}
		}
	}
	if err := refused(reader, "etl.sales.done"); err == nil {
		t.Error("the gateway's reader of senders' subjects may send events")
	}
	if post(t, int32(ports[7]), "/hooks/jobs", "a secret") != 202 {
		t.Error("a webhook was not accepted")
	}
	if info, err := streamInfo(sender); err == nil {
		t.Errorf("a sender can look at the gateway's streams: %s", info)
	}
}

// TestComposeFileIsWhole: it is what the Compose specification allows, and every file
// that it mounts is there or made by prepare.
func TestComposeFileIsWhole(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs(compose)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: folder, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, "compose.yaml")}},
		Environment: types.Mapping{"QLIK_KEY": "a key", "HOOK_SECRET": "a secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) != 6 {
		t.Errorf("%d services, want 6", len(project.Services))
	}
	for name, service := range project.Services {
		if strings.HasPrefix(name, "nats-") && service.Image != "nats:"+server.VERSION+"-alpine" {
			t.Errorf("%s is %s, and the trial of its configuration is of %s", name, service.Image, server.VERSION)
		}
		for _, volume := range service.Volumes {
			made := strings.HasPrefix(volume.Source, filepath.Join(folder, "made"))
			if _, err := os.Stat(volume.Source); volume.Type == types.VolumeTypeBind && !made && err != nil {
				t.Errorf("%s mounts %v", name, err)
			}
		}
		if service.Build != nil {
			if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
				t.Errorf("%s is built of %v", name, err)
			}
		}
	}
}

// A program is the gateway's, at work.
type program struct {
	ended <-chan error
	log   *bytes.Buffer
}

// begin starts the program with arguments, until the test ends.
func begin(t *testing.T, args ...string) program {
	t.Helper()
	cmd := exec.Command(build(t), args...)
	cmd.Env = []string{"QLIK_KEY=a key", "HOOK_SECRET=a secret"}
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return program{ended, log}
}

// refused publishes to a subject, and returns what the server says against it.
func refused(conn *nats.Conn, subject string) error {
	before := conn.LastError()
	if err := conn.Publish(subject, nil); err != nil {
		return err
	}
	if err := conn.FlushTimeout(patience); err != nil {
		return err
	}
	if after := conn.LastError(); after != before { //nolint:errorlint // another one, not another kind
		return after
	}
	return nil
}

// streamInfo asks for the journal, as only the gateway may.
func streamInfo(conn *nats.Conn) (string, error) {
	js, err := conn.JetStream(nats.MaxWait(patience / 60))
	if err != nil {
		return "", err
	}
	info, err := js.StreamInfo("GATEWAY_IN")
	return fmt.Sprint(info), err
}

// prepare makes accounts and certificates in a folder, and returns where they are.
func prepare(t *testing.T, folder string) string {
	t.Helper()
	tool, err := exec.Command("go", "-C", "../../.ci/tools", "tool", "-n", "nats").Output()
	if err != nil {
		t.Fatalf("build nats: %v", err)
	}
	made := filepath.Join(folder, "made")
	cmd := exec.Command(filepath.Join(compose, "prepare"), made)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(strings.TrimSpace(string(tool)))+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		log, _ := os.ReadFile(filepath.Join(made, "keys", "log"))
		t.Fatalf("prepare: %v: %s%s", err, out, log)
	}
	return made
}

// startMember starts one server of the example's configuration, on ports of this machine:
// the first three are for clients, the next three for the cluster.
func startMember(t *testing.T, folder string, i int, ports []int) {
	t.Helper()
	name := fmt.Sprintf("nats-%d", i+1)
	config := replaced(t, filepath.Join(compose, "nats.conf"), "$SERVER_NAME", name,
		"/etc/nats/made", filepath.Join(folder, "made"), "/data", filepath.Join(folder, name))
	file := filepath.Join(folder, name+".conf")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.NoSigs, options.NoLog = "127.0.0.1", ports[i], true, true
	options.Cluster.Host, options.Cluster.Port, options.Routes = "127.0.0.1", ports[3+i], nil
	for _, port := range ports[3:6] {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	member, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	member.Start()
	t.Cleanup(func() { member.Shutdown(); member.WaitForShutdown() })
	if !member.ReadyForConnections(patience) {
		t.Fatalf("%s does not start", name)
	}
}

// replaced returns a file with each pair of texts, old and new, replaced; every old one
// has to be there.
func replaced(t *testing.T, file string, pairs ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(text, []byte(pairs[i])) {
			t.Fatalf("%s has no %q", file, pairs[i])
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(text)))
}
