package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// An operator talks to the console of a running gateway.
type operator struct {
	server string
	token  string // file with a token; "" = the environment's
	asJSON bool
}

// tokenVariable is the environment variable with a token of console.tokens.
const tokenVariable = "GATEWAY_TOKEN"

// flags gives a command, and all below it, what every operator's command takes.
func (o *operator) flags(command *cobra.Command) {
	command.PersistentFlags().StringVar(&o.server, "server", "http://"+defaultConsoleAddr, "address of the gateway's console")
	command.PersistentFlags().StringVar(&o.token, "token-file", "", "file with a token of console.tokens; default: $"+tokenVariable)
	command.PersistentFlags().BoolVar(&o.asJSON, "json", false, "print what the API answers")
}

// askLimit bounds one question to the console.
const askLimit = 15 * time.Second

// A question is what an operator asks the API; with an order it is a POST.
type question struct {
	path   string
	order  any
	method string // default GET, or POST with an order
	after  uint64 // of a stream of outcomes: begin behind this one
	resume bool   // heed after
}

// request returns the question as an HTTP request.
func (q question) request(ctx context.Context, server string) (*http.Request, error) {
	address := baseOf(server) + q.path
	if q.order == nil {
		request, err := http.NewRequestWithContext(ctx, cmp.Or(q.method, http.MethodGet), address, nil)
		if err == nil && q.resume {
			request.Header.Set("Last-Event-ID", strconv.FormatUint(q.after, 10))
		}
		return request, err
	}
	body, err := json.Marshal(q.order)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

// baseOf is the beginning of every address of a server that is named as people do: as a
// listener is in the configuration, or with a slash behind it.
func baseOf(server string) string {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	return strings.TrimRight(server, "/")
}

// ask gets an answer of the API. With --json it prints it as it is, and is done.
func (o *operator) ask(ctx context.Context, out io.Writer, asked question, into any) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	response, err := o.open(ctx, asked)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	if o.asJSON {
		_, err := out.Write(append(body, '\n'))
		return true, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return false, fmt.Errorf("understand the answer of %s: %w", o.server, err)
	}
	return false, nil
}

// learn gets an answer that the command itself needs, whatever --json says.
func (o *operator) learn(ctx context.Context, asked question, into any) error {
	quiet := operator{server: o.server, token: o.token}
	_, err := quiet.ask(ctx, io.Discard, asked, into)
	return err
}

// secretOf reads the secret in the file that a flag names, or else in a variable of the
// environment; "" when there is none.
func secretOf(flag, file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// open asks the API and returns its answer, if it is a good one.
func (o *operator) open(ctx context.Context, asked question) (*http.Response, error) {
	request, err := asked.request(ctx, o.server)
	if err != nil {
		return nil, misused("--server: %w", err)
	}
	token, err := secretOf("--token-file", o.token, tokenVariable)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway (is it running, and is --server its console.addr?): %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	var problem struct{ Detail string }
	if json.NewDecoder(response.Body).Decode(&problem) != nil || problem.Detail == "" {
		return nil, fmt.Errorf("%s answers %s; is it the gateway's console?", o.server, response.Status)
	}
	if response.StatusCode == http.StatusUnauthorized {
		given := map[bool]string{true: "none was given", false: "the one given is not among them"}[token == ""]
		return nil, fmt.Errorf("%s (%s; it is read from --token-file or $%s)", problem.Detail, given, tokenVariable)
	}
	return nil, errors.New(problem.Detail)
}

// follow asks the API and hands each line of its answer on, for as long as it
// takes.
func (o *operator) follow(ctx context.Context, asked question, line func([]byte) error) error {
	response, err := o.open(ctx, asked)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := line(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// row writes one line of a table; an error shows when the table is flushed.
func row(table io.Writer, cells ...string) {
	for i := range cells {
		cells[i] = cmp.Or(inLine(cells[i]), "-")
	}
	_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
}

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() + " ago" }

func took(from, to time.Time) string {
	if to.IsZero() {
		return ""
	}
	return to.Sub(from).Round(100 * time.Millisecond).String()
}

func printJSON(out io.Writer, what any) error { return json.NewEncoder(out).Encode(what) }
