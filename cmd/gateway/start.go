package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// startVariable is the environment variable with the secret of the source runs.
const startVariable = "GATEWAY_RUNS_SECRET"

// A starting is what `gateway runs start` was asked for.
type starting struct {
	url, app, tenant, key, secretFile string
	wait, asJSON                      bool
}

// newStart returns `gateway runs start`. Runs are asked for where programs ask for
// them: on the listener for senders, which knows nothing of the console's tokens.
func newStart(o *operator) *cobra.Command {
	s := starting{}
	command := &cobra.Command{
		Use:   "start (FILE | --reload APP)",
		Short: "Start a run without a rule, and with --wait show it until it ends",
		Long: "FILE (- for standard input) has what POST /v1/runs takes: {\"do\": [{\"reload\": {\"app\": \"sales\"}}]}. The source `runs` has to be\n" +
			"configured; its secret is read from --secret-file or $" + startVariable + ". With --wait the exit code is 0 when the run\n" +
			"succeeded and 3 when it ended in another way.",
		Example: "  gateway runs start --reload sales --wait\n  gateway runs start nightly.json --key nightly-2026-11-23 --wait",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			s.asJSON = o.asJSON
			body, err := s.body(args, command.InOrStdin())
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			return s.run(ctx, body, command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&s.url, "url", "http://127.0.0.1:8080", "address of the gateway's listener for senders")
	flags.StringVar(&s.app, "reload", "", "name or id of the app to reload, instead of FILE")
	flags.StringVar(&s.tenant, "tenant", "", "with --reload: its tenant, when there are several")
	flags.StringVar(&s.key, "key", "", "idempotency key: what was started under it is not started again")
	flags.StringVar(&s.secretFile, "secret-file", "", "file with the secret of the source runs; default: $"+startVariable)
	flags.BoolVar(&s.wait, "wait", false, "show what happens until the run ends")
	return command
}

// body is what is asked for.
func (s *starting) body(args []string, in io.Reader) ([]byte, error) {
	switch {
	case (s.app == "") == (len(args) == 0):
		return nil, misused("give one of FILE and --reload APP")
	case s.app != "":
		order := map[string]any{"do": []any{map[string]any{"reload": map[string]string{"app": s.app}}}}
		if s.tenant != "" {
			order["tenant"] = s.tenant
		}
		return json.Marshal(order)
	case args[0] == "-":
		return io.ReadAll(in)
	}
	return os.ReadFile(args[0])
}

// run starts the run, and watches it if that is wanted.
func (s *starting) run(ctx context.Context, body []byte, out io.Writer) error {
	var started struct {
		Run       string `json:"run"`
		Duplicate bool   `json:"duplicate"`
	}
	answer, err := s.ask(ctx, http.MethodPost, "/v1/runs", body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, &started); err != nil || started.Run == "" {
		return fmt.Errorf("%s does not answer as a gateway does", s.url)
	}
	if s.asJSON && !s.wait {
		_, err := fmt.Fprintf(out, "%s\n", bytes.TrimSpace(answer))
		return err
	}
	if !s.asJSON {
		words := map[bool]string{true: "was started under this key before", false: "started"}[started.Duplicate]
		if _, err := fmt.Fprintln(out, "run", started.Run, words); err != nil || !s.wait {
			return err
		}
	}
	return follow(ctx, out, s.asJSON, func() (console.Run, error) {
		var run console.Run
		answer, err := s.ask(ctx, http.MethodGet, "/v1/runs/"+started.Run, nil)
		if err == nil {
			err = json.Unmarshal(answer, &run)
		}
		if errors.Is(err, errNotYet) { // accepted, and not yet taken up
			return console.Run{ID: started.Run, State: string(bridge.RunGathering)}, nil
		}
		return run, err
	})
}

// errNotYet is the answer for a run that is not known.
var errNotYet = errors.New("no such run")

// ask asks the listener for senders.
func (s *starting) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, baseOf(s.url)+path, bytes.NewReader(body))
	if err != nil {
		return nil, misused("--url: %w", err)
	}
	secret, err := secretOf("--secret-file", s.secretFile, startVariable)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	request.Header.Set("Content-Type", "application/json")
	if s.key != "" {
		request.Header.Set("Idempotency-Key", s.key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway (is it running, and is --url its http.addr?): %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case response.StatusCode/100 == 2:
		return answer, nil
	case response.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("the secret is not that of the source runs; it is read from --secret-file or $%s", startVariable)
	case response.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return nil, errNotYet
	}
	var problem struct{ Detail string }
	if json.Unmarshal(answer, &problem) != nil || problem.Detail == "" {
		return nil, fmt.Errorf("%s answers %s; is it the gateway, and is there a source runs?", s.url, response.Status)
	}
	return nil, fmt.Errorf("%s: %s", response.Status, problem.Detail)
}

// missesLimit is how many looks at a run in a row may fail: half a minute, in which a
// gateway is started again.
const missesLimit = 60

// follow prints each change of a run, and how far it is, until it ends.
func follow(ctx context.Context, out io.Writer, asJSON bool, look func() (console.Run, error)) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	shown := newTicker(out, asJSON)
	defer shown.stop()
	for misses := missesLimit; ; { // the first look has to succeed
		run, err := look()
		if err == nil {
			misses, err = 0, shown.show(run, time.Now())
		} else if misses++; misses <= missesLimit {
			err = nil
		}
		if err != nil {
			return err
		}
		if !run.Ended.IsZero() {
			if run.State != string(bridge.RunSucceeded) {
				return exitCode(exitSurprise)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("stopped before the run ended")
		case <-tick.C:
		}
	}
}
