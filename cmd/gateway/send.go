package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/ingress"
)

const (
	sendTimeout  = 30 * time.Second
	sendPatience = 5 * time.Second // for a gateway on this machine that is just starting
)

// A sending is what `gateway send` was asked for.
type sending struct {
	asJSON                    bool
	config, source, file, url string
	headers                   []string
	sign, generate, failed    bool
}

// newSendCommand returns `gateway send`: it imitates a source's sender.
func newSendCommand() *cobra.Command {
	var s sending
	command := &cobra.Command{
		Use:     "send --source NAME (--file BODY | --generate)",
		Short:   "Send a delivery as a source's sender would, signed with its secret",
		Example: "  gateway send --source dbt --generate\n  gateway send --source jobs --file body.json --json",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return s.run(command.Context(), command.InOrStdin(), command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVarP(&s.config, "config", "c", "gateway.yaml", "configuration file that has the source and its secret")
	flags.StringVar(&s.source, "source", "", "name of the source")
	flags.StringVar(&s.file, "file", "", "file with the body; - = standard input")
	flags.BoolVar(&s.generate, "generate", false, "make a believable body of the source's preset")
	flags.BoolVar(&s.failed, "failed", false, "with --generate: of a job that failed")
	flags.BoolVar(&s.sign, "sign", true, "prove the sender; --sign=false shows what strangers get")
	flags.StringVar(&s.url, "url", "", "address of the gateway (default: http.addr of the configuration, on this machine)")
	flags.StringArrayVarP(&s.headers, "header", "H", nil, "header to add, as in 'Content-Type: text/plain'")
	flags.BoolVar(&s.asJSON, "json", false, "print one JSON object: status and body")
	command.MarkFlagsOneRequired("file", "generate")
	command.MarkFlagsMutuallyExclusive("file", "generate")
	_ = command.MarkFlagRequired("source") // it exists
	return command
}

func (s *sending) run(ctx context.Context, in io.Reader, out, errOut io.Writer) error {
	cfg, problems := loadConfig(s.config)
	if cfg == nil {
		return sayProblems(s.config, cfg, problems, errOut, "nothing was sent")
	}
	header, body, err := s.delivery(cfg.Sources, in)
	if err != nil {
		return err
	}
	if s.url == "" {
		await(ctx, s.address(cfg))
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address(cfg), strings.NewReader(string(body)))
	if err != nil {
		return misused("--url: %w", err)
	}
	request.Header = header
	if s.sign {
		if err := cfg.Sources.Prove(s.source, request, body, time.Now()); err != nil {
			return err
		}
	}
	return s.send(request, out)
}

// await waits while nothing listens at the address, or what does cannot store yet:
// who starts the gateway and sends in one go comes a moment too early. What else is
// wrong the delivery itself finds out.
func await(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for unready(ctx, address) {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// unready asks what listens at the address, by a method that no source takes.
func unready(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusServiceUnavailable
}

// send prints the answer, and fails unless it is a 2xx.
func (s *sending) send(request *http.Request, out io.Writer) error {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		var inner interface{ Unwrap() error } // url.Error shows the address, which may have the secret
		if errors.As(err, &inner) && inner.Unwrap() != nil {
			err = inner.Unwrap()
		}
		return fmt.Errorf("send to %s (is the gateway running, and is --url its http.addr?): %w", request.URL.Host, err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if s.asJSON {
		err = printJSON(out, answered(response.StatusCode, answer))
	} else {
		_, err = fmt.Fprintf(out, "%s\n%s\n", response.Status, strings.TrimSpace(string(answer)))
	}
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return exitCode(exitFailed)
	}
	return nil
}

// answered is an answer as --json prints it; a body that is no JSON is a string.
func answered(status int, body []byte) map[string]any {
	shown := map[string]any{"status": status, "body": strings.TrimSpace(string(body))}
	if json.Valid(body) {
		shown["body"] = json.RawMessage(body)
	}
	return shown
}

// delivery returns the headers and the body to send, but for the proof.
func (s *sending) delivery(sources *ingress.Sources, in io.Reader) (http.Header, []byte, error) {
	header, body := http.Header{"Content-Type": {"application/json"}}, []byte(nil)
	preset, known := ingress.LookupPreset(sources.PresetOf(s.source))
	var err error
	switch {
	case s.generate && !known:
		preset, _ = ingress.LookupPreset("generic")
		fallthrough
	case s.generate:
		outcome := rules.OutcomeSucceeded
		if s.failed {
			outcome = rules.OutcomeFailed
		}
		header, body, err = preset.Generate(outcome, time.Now())
	case s.file == "-":
		body, err = io.ReadAll(in)
	default:
		body, err = os.ReadFile(s.file)
	}
	if err != nil {
		return nil, nil, err
	}
	if known && !s.generate {
		generated, _, err := preset.Generate(rules.OutcomeSucceeded, time.Now())
		if err != nil {
			return nil, nil, err
		}
		header = generated
	}
	return header, body, addHeaders(header, s.headers)
}

// addHeaders sets what lines such as "Name: value" say.
func addHeaders(header http.Header, lines []string) error {
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return misused(`header %q: expected "Name: value"`, line)
		}
		header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return nil
}

// address is where the source takes deliveries.
func (s *sending) address(cfg *config) string {
	base := baseOf(s.url)
	if s.url == "" {
		scheme, addr := "http://", cfg.HTTPAddr
		if cfg.TLS != (tlsFiles{}) {
			scheme = "https://"
		}
		base = scheme + reachable(addr)
	}
	return base + "/hooks/" + s.source
}

// reachable is where something that listens on an address is found on this machine.
func reachable(addr string) string {
	if strings.HasPrefix(addr, ":") || strings.HasPrefix(addr, "0.0.0.0:") || strings.HasPrefix(addr, "[::]:") {
		return "127.0.0.1" + addr[strings.LastIndex(addr, ":"):]
	}
	return addr
}
